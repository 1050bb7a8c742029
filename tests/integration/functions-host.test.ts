// The process that serves edge functions: each stands alone, none sees more than it is given.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aProject } from '../support/fixture.ts';
import type { Fixture } from '../support/fixture.ts';
import { startOwnStack } from '../support/stack.ts';
import type { OwnStack } from '../support/stack.ts';

let fixture: Fixture;
let own: OwnStack;

beforeAll(async () => {
    fixture = aProject({
        'supabase/config.toml': `
            project_id = "fixture"
            [auth]
            site_url = "env(APP_ORIGIN)"
            [auth.hook.send_email]
            enabled = true
            uri = "http://127.0.0.1:9/"
            secrets = "env(SEND_EMAIL_HOOK_SECRETS)"
            [edge_runtime.secrets]
            GREETING = "env(GREETING)"
            PARTNER_URL = "http://127.0.0.1:9/"
            [functions.look]
            verify_jwt = false
            [functions.broken]
            verify_jwt = false
            [functions.silent]
            verify_jwt = false
            [functions.default-export]
            verify_jwt = false
            [functions.disabled]
            enabled = false
        `,
        'supabase/functions/_shared/attempt.ts': `
            export async function attempt(work: () => unknown): Promise<string> {
                try { return String(await work()); } catch (error) { return (error as Error).name; }
            }
        `,
        'supabase/functions/look/index.ts': `
            import { attempt } from '../_shared/attempt.ts';
            Deno.serve(async (request) => {
                const url = new URL(request.url);
                if (url.searchParams.has('throw')) throw new Error('on purpose');
                if (url.searchParams.has('later')) { Promise.reject(new Error('nobody waits')); return new Response('ok'); }
                return Response.json({
                    path: url.pathname,
                    greeting: Deno.env.get('GREETING') ?? null,
                    home: Deno.env.get('HOME') ?? null,
                    keys: Object.keys(JSON.parse(Deno.env.get('SUPABASE_SECRET_KEYS') ?? '{}')),
                    ownSettings: await attempt(() => Deno.readTextFile('supabase/config.toml')),
                    etc: await attempt(() => Deno.readTextFile('/etc/hostname')),
                    write: await attempt(() => Deno.writeTextFile('/tmp/out', 'x')),
                    run: await attempt(() => new Deno.Command('/bin/sh').output()),
                    elsewhere: await attempt(() => fetch('http://127.0.0.1:8/')),
                    partner: await attempt(() => fetch('http://127.0.0.1:9/')),
                    api: await attempt(async () => (await fetch(Deno.env.get('SUPABASE_URL') + '/auth/v1/health')).status)
                });
            });
        `,
        'supabase/functions/broken/index.ts': `throw new Error('it can not start');`,
        'supabase/functions/silent/index.ts': `export const nothing = 1;`,
        'supabase/functions/default-export/index.ts': `export default { fetch: () => new Response('by export') };`,
        'supabase/functions/guarded/index.ts': `Deno.serve(() => new Response('secret'));`,
        'supabase/functions/disabled/index.ts': `Deno.serve(() => new Response('never'));`
    });
    own = await startOwnStack({ projectDir: fixture.dir, watch: true, given: { GREETING: 'good day' } });
});

afterAll(async () => {
    await own.stopAndForget();
    fixture.forget();
});

const call = (path: string, init?: RequestInit) => fetch(`${own.info.apiUrl}/functions/v1/${path}`, init);

describe('an edge function', () => {
    it('that can’t start says so, and the others serve', async () => {
        for (const name of ['broken', 'silent']) {
            const answer = await call(name);
            expect(answer.status).toBe(503);
            expect(await answer.json()).toMatchObject({ code: 'BOOT_ERROR' });
        }
        expect((await call('look')).status).toBe(200);
        expect(await (await call('default-export')).text()).toBe('by export');
        expect(readFileSync(join(own.stateDir, 'logs/functions.log'), 'utf8')).toContain('it can not start');
    });

    it('that is switched off is not there', async () => {
        expect((await call('disabled')).status).toBe(404);
        expect((await call('_shared')).status).toBe(404);
    });

    it('asks for a token unless its settings say otherwise', async () => {
        expect((await call('guarded')).status).toBe(401);
    });

    it('reads its settings and no other variable, no file but code, and reaches only hosts that they name', async () => {
        expect(await (await call('look/deeper?x=1')).json()).toEqual({
            path: '/look/deeper',
            greeting: 'good day',
            home: null,
            keys: ['default'],
            ownSettings: 'NotCapable',
            etc: 'NotCapable',
            write: 'NotCapable',
            run: 'NotCapable',
            elsewhere: 'NotCapable',
            partner: 'TypeError',
            api: '401'
        });
    });

    it('that fails answers 500 without the cause, which stands in the log', async () => {
        const answer = await call('look?throw');
        expect(answer.status).toBe(500);
        expect(await answer.text()).not.toContain('on purpose');
        await expect
            .poll(() => readFileSync(join(own.stateDir, 'logs/functions.log'), 'utf8'))
            .toContain('on purpose');
    });

    it('whose forgotten work fails takes nobody with it', async () => {
        expect((await call('look?later')).status).toBe(200);
        await sleep(100);
        expect((await call('look')).status).toBe(200);
    });

    it('is served anew when its code changes', async () => {
        fixture.write(
            'supabase/functions/default-export/index.ts',
            `Deno.serve(() => new Response('changed'));`
        );
        const deadline = Date.now() + 10_000;
        let text = '';
        while (text !== 'changed' && Date.now() < deadline) {
            await sleep(100);
            text = await (await call('default-export')).text().catch(() => '');
        }
        expect(text).toBe('changed');
    });
});
