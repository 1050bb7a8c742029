import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { guardsIn, routeGuards } from './route-guards.ts';

const page = (source: string) => guardsIn('/routes/(app)/jobs/+page.server.ts', source);
const endpoint = (source: string) => guardsIn('/routes/api/photos/+server.ts', source);

describe('a route under a protected folder', () => {
    it('is guarded when its load and actions are made by guards, and its permissions can be read', () => {
        const source = `
            import { protectedLoad, protectedAction, personAction } from '$lib/server/guard.ts';
            export const load = protectedLoad('jobs.read', async ({ db }) => ({ db }));
            export const actions = {
                move: protectedAction('jobs.write', Move, ({ db }) => move(db)),
                leave: personAction(Leave, () => undefined)
            } satisfies Actions;`;
        expect(page(source)).toEqual([
            { what: 'load', guard: 'protectedLoad', permission: 'jobs.read' },
            { what: 'action:move', guard: 'protectedAction', permission: 'jobs.write' },
            { what: 'action:leave', guard: 'personAction', permission: null }
        ]);
    });

    it.each([
        ['a bare load', `export const load = async () => ({});`],
        ['a load that is a function', `export async function load() { return {}; }`],
        ['an open action', `export const actions = { default: openAction(S, () => {}) };`],
        ['a spread of actions', `export const actions = { ...others };`],
        ['actions from elsewhere', `export const actions = others;`],
        ['a load exported under its name', `const x = 1; export { x as load };`],
        ['everything from elsewhere', `export * from './other.ts';`],
        ['a permission that cannot be read', `export const load = protectedLoad(permission, () => {});`]
    ])('is not guarded with %s', (_name, source) => {
        expect(page(source).map(({ guard }) => guard)).toEqual([null]);
    });

    it('asks for a platform owner where its guard says so', () => {
        const source = `export const load = platformLoad(({ db }) => overview(db));`;
        expect(page(source)).toEqual([{ what: 'load', guard: 'platformLoad', permission: 'platform' }]);
    });

    it.each([
        ['/admin', `export const load = personLoad(() => ({}));`, [null]],
        ['/admin/unblock', `export const load = protectedLoad('jobs.read', () => ({}));`, [null]],
        ['/admin/unblock', `export const load = platformLoad(() => ({}));`, ['platformLoad']],
        ['/(app)/jobs', `export const load = platformLoad(() => ({}));`, [null]]
    ])('%s is guarded by the guard of its place alone: %s', (route, source, guards) => {
        const routes = mkdtempSync(join(tmpdir(), 'routes-'));
        try {
            mkdirSync(join(routes, route), { recursive: true });
            writeFileSync(join(routes, route, '+page.server.ts'), source);
            expect(routeGuards(routes).map(({ guard }) => guard)).toEqual(guards);
        } finally {
            rmSync(routes, { recursive: true });
        }
    });

    it('has each of its methods looked at, and nothing else', () => {
        const source = `
            export const prerender = false;
            export const POST = protectedEndpoint('documents.write', Start, start);
            export const GET = () => new Response();
            export function DELETE() {}`;
        expect(endpoint(source)).toEqual([
            { what: 'POST', guard: 'protectedEndpoint', permission: 'documents.write' },
            { what: 'GET', guard: null, permission: null },
            { what: 'DELETE', guard: null, permission: null }
        ]);
    });
});
