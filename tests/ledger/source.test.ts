import { expect, it } from 'vitest';
import type { SourceObject } from '../../src/lib/promises/types.ts';
import { root } from '../runner/commands.ts';
import { lookUpSource } from './source.ts';

const there: SourceObject[] = [
    { kind: 'code', file: 'src/lib/server/guard.ts', name: 'protectedAction' },
    { kind: 'code', file: 'supabase/functions/stripe-webhook/index.ts', name: 'STRIPE_WEBHOOK_SECRETS' },
    { kind: 'code', file: 'svelte.config.js', name: 'default' },
    { kind: 'header', name: 'x-frame-options', value: 'DENY' },
    { kind: 'setting', key: 'auth.jwt_expiry', value: 600 },
    { kind: 'route guard', route: '/(app)/more/audit', what: 'load', permission: 'audit.read' },
    { kind: 'every route guard', atLeast: 30 }
];
it.each(there)('finds what is there: $kind $name $key $route', (object) => {
    expect(lookUpSource(root, object)).toHaveProperty('found');
});

const gone: [SourceObject, string][] = [
    [
        { kind: 'code', file: 'src/lib/server/gone.ts', name: 'gone' },
        'there is no file src/lib/server/gone.ts'
    ],
    [
        { kind: 'code', file: 'src/lib/server/guard.ts', name: 'gone' },
        'src/lib/server/guard.ts declares no gone'
    ],
    [
        { kind: 'header', name: 'x-frame-options', value: 'SAMEORIGIN' },
        'no answer carries x-frame-options: SAMEORIGIN'
    ],
    [
        { kind: 'setting', key: 'auth.jwt_expiry', value: 3600 },
        'supabase/config.toml has auth.jwt_expiry = 600, not 3600'
    ],
    [
        { kind: 'setting', key: 'auth.gone.entirely', value: true },
        'supabase/config.toml has auth.gone.entirely = undefined, not true'
    ],
    [
        { kind: 'route guard', route: '/(app)/more/audit', what: 'load', permission: 'jobs.read' },
        '/(app)/more/audit load is not guarded by jobs.read'
    ]
];
it.each(gone)('does not find what is not: %o', (object, problem) => {
    expect(lookUpSource(root, object)).toEqual({ problem });
});
