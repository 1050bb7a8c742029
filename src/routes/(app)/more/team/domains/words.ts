// Who may join by a domain, in words.
import type { Domain, Joining } from '$lib/server/domains.ts';

const JOININGS: Readonly<Record<Joining, string>> = {
    nobody: 'Nobody joins by it',
    approval: 'People ask, and you decide',
    automatic: 'Everybody with an address there joins'
};

/** Who joins by it, and as what: “Everybody with an address there joins, as Staff”. */
export function joiningInWords({ joining, role }: Pick<Domain, 'joining' | 'role'>): string {
    return joining === 'nobody' ? JOININGS.nobody : `${JOININGS[joining]}, as ${role.name}`;
}
