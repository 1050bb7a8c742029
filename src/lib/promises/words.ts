/** How the things that the ledger names are called, for people. */
import type { Enforcement, TestKind } from './types.ts';

/** What sort of thing it is. */
export function wordsFor(enforcement: Enforcement): string {
    switch (enforcement.kind) {
        case 'policy':
        case 'constraint':
        case 'trigger':
            return `${capital(enforcement.kind)} on ${enforcement.on}`;
        case 'rights':
            return `Rights on ${enforcement.on}`;
        case 'every':
            return `Every ${enforcement.sort}`;
        case 'every route guard':
            return 'The guard of every protected page, action and endpoint';
        case 'setting':
            return 'Setting of the project';
        case 'header':
            return 'Header of every answer';
        case 'code':
            return 'Code';
        default:
            return capital(enforcement.kind);
    }
}

/** Its own name, as it is written where it stands. */
export function nameOf(enforcement: Enforcement): string {
    switch (enforcement.kind) {
        case 'policy':
        case 'constraint':
        case 'trigger':
            return `${enforcement.on}: ${enforcement.name}`;
        case 'rights':
            return `${enforcement.of} on ${enforcement.on}: ${enforcement.exactly.join(', ') || 'none'}`;
        case 'every':
        case 'every route guard':
            return `at least ${enforcement.atLeast}`;
        case 'code':
            return `${enforcement.file} · ${enforcement.name}`;
        case 'route guard':
            return `${enforcement.route} ${enforcement.what}: ${enforcement.permission}`;
        case 'header':
            return `${enforcement.name}: ${enforcement.value}`;
        case 'setting':
            return `supabase/config.toml · ${enforcement.key} = ${String(enforcement.value)}`;
        default:
            return enforcement.name;
    }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Where a test of each kind looks. */
export const KIND_WORDS: Readonly<Record<TestKind, string>> = {
    static: 'on the source',
    unit: 'on a rule alone',
    db: 'in the database',
    contract: 'at an interface',
    integration: 'on the whole product',
    security: 'as an attacker',
    e2e: 'in a browser'
};
