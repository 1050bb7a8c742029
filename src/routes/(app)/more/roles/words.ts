// A role in one line, for a choice between several.
import { roleInWords, type PermissionInWords } from '$lib/domain/permissions.ts';

const KNOWN: Readonly<Record<string, string>> = {
    owner: 'Everything, and the business itself',
    admin: 'Everything but where the money is paid out',
    staff: 'Their own jobs with photos, and customers; no prices',
    partner: 'Nothing yet: what a partner sees comes with their own portal',
    agent: 'Nothing yet: what an agent sees comes with their own portal'
};

/** What a role is about: the five in words of their own, any other by the screens that it opens. */
export function inOneLine(
    role: { key: string | null; permissions: readonly string[] },
    all: readonly PermissionInWords[]
): string {
    const known = role.key === null ? undefined : KNOWN[role.key];
    if (known !== undefined) return known;
    const { screens, does } = roleInWords(role.permissions, all);
    const changes =
        does.length === 0
            ? 'changes nothing'
            : `may do ${does.length === 1 ? 'one thing' : `${does.length} things`} there`;
    return `Opens ${screens.join(', ')}; ${changes}`;
}
