// Attacks on the way to a provider and back: another's code, a code twice, no state of ours.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerAtProvider, atProvider } from '../../support/providers.ts';
import { stack } from '../../support/stack.ts';
import { aVisitor } from '../../support/visitor.ts';
import { theScene, type Scene } from './scene.ts';

const app = process.env.TF_APP_URL ?? '';
let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

describe('on the way to a provider', () => {
    test.each(['google', 'azure'] as const)(
        '[AUTH-1] the code of another browser’s sign-in by %s opens nothing, although this one began one too',
        async (provider) => {
            const [attacker, victim] = [aVisitor(app), aVisitor(app)];
            const begun = await atProvider(attacker, provider);
            await atProvider(victim, provider);
            const back = await answerAtProvider(begun.page, {
                request: begun.request,
                name: 'Mallory',
                email: `mallory-${randomUUID()}@example.test`
            });
            const answer = await victim.get(back);
            expect(answer.headers.get('location')).toMatch(/^\/sign-in\?problem=/);
            expect(victim.cookies.has('__Host-tf')).toBe(false);
        }
    );

    test('[AUTH-1] a code is good once', async () => {
        const visitor = aVisitor(app);
        const { page, request } = await atProvider(visitor);
        const before = new Map(visitor.cookies);
        const back = await answerAtProvider(page, {
            request,
            name: 'Kim',
            email: `once-${randomUUID()}@example.test`
        });
        expect((await visitor.get(back)).headers.get('location')).not.toContain('problem');
        const again = aVisitor(app);
        for (const [name, value] of before) again.cookies.set(name, value);
        expect((await again.get(back)).headers.get('location')).toMatch(/^\/sign-in\?problem=/);
        expect(again.cookies.has('__Host-tf')).toBe(false);
    });

    test.each([
        ['none', ''],
        ['an invented one', `&state=${randomUUID()}`],
        ['one that is no state', '&state=1%27--']
    ])('[AUTH-1] an answer with %s of our states begins no session', async (_, state) => {
        const [before] = await scene.sql`select count(*)::int as sessions from auth.sessions`;
        const answer = await fetch(`${stack().apiUrl}/auth/v1/callback?code=invented${state}`, {
            redirect: 'manual'
        });
        expect(answer.headers.get('location') ?? '').not.toMatch(/access_token|[?&]code=/);
        const [after] = await scene.sql`select count(*)::int as sessions from auth.sessions`;
        expect(after).toEqual(before);
    });

    test('[AUTH-1] a code without a sign-in that began here, or an invented one, is refused in words', async () => {
        for (const code of [randomUUID(), '', "' or 1=1 --", '../../admin/users']) {
            const visitor = aVisitor(app);
            const answer = await visitor.get(`/auth/callback?${new URLSearchParams({ code })}`);
            expect(answer.headers.get('location')).toMatch(/^\/sign-in\?problem=[a-z_]+$/);
            expect(visitor.cookies.has('__Host-tf')).toBe(false);
        }
    });
});
