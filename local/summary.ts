// What a person reads when everything runs.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stack } from './stack.ts';

export type SummaryOptions = {
    title: string;
    appUrl: string;
    stack: Stack | undefined;
    projectDir: string;
    seconds: number;
};

/** The lines to print; addresses first, then how to sign in, then how to end it. */
export function summary({ title, appUrl, stack, projectDir, seconds }: SummaryOptions): string[] {
    const rows: [string, string][] = [['App', appUrl]];
    if (stack?.standIns.includes('mail')) rows.push(['Inbox', stack.info.inboxUrl]);
    if (stack) demoLogins(projectDir).forEach((login, at) => rows.push([at === 0 ? 'Sign in' : '', login]));
    const width = Math.max(...rows.map(([name]) => name.length)) + 3;
    const lines = ['', `  ${title} is running (${seconds.toFixed(1)} s).`, ''];
    for (const [name, value] of rows) lines.push(`  ${name.padEnd(width)}${value}`);
    lines.push('');
    if (stack) {
        const played = stack.standIns
            .filter((name) => name !== 'supabase')
            .map((name) => NAMES[name] ?? name);
        if (played.length > 0)
            lines.push(
                `  ${list(played)} ${played.length === 1 ? 'is a stand-in' : 'are stand-ins'} on this machine.`
            );
        lines.push('  Ctrl-C stops everything and keeps the data; npm start -- --reset begins anew.', '');
    } else lines.push('  Ctrl-C stops it.', '');
    return lines;
}

const NAMES: Record<string, string> = {
    google: 'Google',
    apple: 'Apple',
    azure: 'Microsoft',
    sso: 'a business’s own sign-in',
    saml: 'one that speaks SAML',
    stripe: 'Stripe',
    mail: 'the mail provider',
    passwords: 'the list of leaked passwords',
    dns: 'the DNS',
    turnstile: 'the captcha'
};

function list(words: string[]): string {
    return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** The seed names its logins in comment lines at its top: `-- demo login: …`. */
function demoLogins(projectDir: string): string[] {
    const file = join(projectDir, 'supabase', 'seed.sql');
    if (!existsSync(file)) return [];
    return [...readFileSync(file, 'utf8').matchAll(/^-- demo login:\s*(.+)$/gim)].map(([, login = '']) =>
        login.trim()
    );
}
