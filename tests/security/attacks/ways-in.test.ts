// Attacks by the address that a way in goes on to: whoever is led away by it has signed in for somebody else.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeShown } from '../../support/authenticator-app.ts';
import { anAuthenticator } from '../../support/authenticator.ts';
import { aBusiness, aPerson } from '../../support/business.ts';
import { anApp } from '../../support/factors.ts';
import { answerAtProvider, atProvider } from '../../support/providers.ts';
import { atWork, withSso } from '../../support/sso.ts';
import { codeFor, mailTo } from '../../support/inbox.ts';
import { answered, enterByPasskey, makePasskey, signInQuestion } from '../../support/passkeys.ts';
import { aSecurityKey, keyAnswered } from '../../support/security-keys.ts';
import { stack } from '../../support/stack.ts';
import { aVisitor, signedIn } from '../../support/visitor.ts';
import { reads, writes, type Address } from './routes.ts';
import { theScene, type Scene } from './scene.ts';

const app = process.env.TF_APP_URL ?? '';
let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

describe('an address to go on to', () => {
    const hostile = [
        'https://evil.example',
        '//evil.example',
        '/\\evil.example',
        '\\\\evil.example',
        '/.//evil.example',
        '/%09/evil.example',
        '/\t/evil.example',
        'javascript:alert(1)',
        'data:text/html,x',
        '/jobs\r\nlocation: https://evil.example'
    ];
    /** Does the answer keep whoever follows it on this site? */
    function staysHere(answer: Response): void {
        const to = answer.headers.get('location') ?? '/';
        expect(new URL(to, app).origin, to).toBe(app);
        expect(to).not.toMatch(/^[/\\]{2}/);
    }
    /** Does the page show no way to another site? */
    function leadsNowhere(page: string): void {
        for (const [, to = ''] of page.matchAll(
            /(?:href|action|formaction|value)="([^"]*evil\.example[^"]*)"/g
        ))
            expect(new URL(to.replaceAll('&amp;', '&'), app).origin, to).toBe(app);
        expect(page).not.toMatch(/http-equiv="?refresh/i);
    }
    const takes = ({ source }: Address): boolean => source.includes('next-path.ts');
    const someone = (): string => `led-${randomUUID()}@example.test`;

    test.each(hostile)(
        '[AUTH-1] that leads away leads nowhere, at every page and form there is: %j',
        async (next) => {
            const some = hostile.indexOf(next) < 3;
            const query = new URLSearchParams({ next });
            const person = await signedIn(scene.finch.owner, app);
            for (const { method, path } of [...reads(), ...writes()].filter((door) => some || takes(door))) {
                const address = `${path}${path.includes('?') ? '&' : '?'}${query}`;
                const visitors = method === 'GET' ? [aVisitor(app), person] : [aVisitor(app)];
                for (const visitor of visitors) {
                    const answer =
                        method === 'GET' ? await visitor.get(address) : await visitor.post(address, { next });
                    leadsNowhere(await answer.text());
                    staysHere(answer);
                }
            }
        }
    );

    /** Every way in that goes on to a wanted address, gone to its end: by the routes that it passes. */
    const ways: { by: string; doors: string[]; enter: (next: string) => Promise<Response> }[] = [
        {
            by: 'a password',
            doors: ['/(auth)/sign-in/password load', '/(auth)/sign-in/password action:default'],
            async enter(next) {
                const { email, password } = scene.finch.owner;
                return await aVisitor(app).post('/sign-in/password', { email, password, next });
            }
        },
        {
            by: 'a code',
            doors: [
                '/(auth)/sign-in load',
                '/(auth)/sign-in action:default',
                '/(auth)/sign-in/code load',
                '/(auth)/sign-in/code action:enter',
                '/(auth)/sign-in/code action:again'
            ],
            async enter(next) {
                const [email, visitor] = [someone(), aVisitor(app)];
                await visitor.post('/sign-in', { email, next });
                return await visitor.post('/sign-in/code?/enter', { code: await codeFor(email) });
            }
        },
        {
            by: 'a link',
            doors: ['/(auth)/auth/confirm load', '/(auth)/auth/confirm action:default'],
            async enter(next) {
                const [email, visitor] = [someone(), aVisitor(app)];
                await visitor.post('/sign-in', { email, next });
                const { text } = await mailTo(email);
                expect(text).not.toContain('evil.example');
                const link = new URL(/https?:\S+\/auth\/confirm\?\S+/.exec(text)?.[0] ?? 'http://no.link');
                const fields = { ...Object.fromEntries(link.searchParams), next };
                return await visitor.post(`${link.pathname}${link.search}`, fields);
            }
        },
        {
            by: 'a passkey',
            doors: ['/(auth)/sign-in/passkey load', '/(auth)/sign-in/passkey action:default'],
            async enter(next) {
                const phone = anAuthenticator(app);
                await makePasskey(await signedIn(await aPerson('led'), app), phone);
                return await enterByPasskey(aVisitor(app), phone, { next });
            }
        },
        {
            by: 'proving it anew with a passkey',
            doors: ['/(auth)/auth/again action:passkey'],
            async enter(next) {
                const visitor = await signedIn(await aPerson('led'), app);
                const phone = anAuthenticator(app);
                await makePasskey(visitor, phone);
                const question = await signInQuestion(visitor);
                const fields = answered(question, phone.get(question.options));
                return await visitor.post('/auth/again?/passkey', { ...fields, next });
            }
        },
        {
            by: 'signing up',
            doors: ['/(auth)/sign-up load', '/(auth)/sign-up action:default'],
            async enter(next) {
                const [email, visitor] = [someone(), aVisitor(app)];
                await visitor.post('/sign-up', { email, next });
                return await visitor.post('/sign-in/code?/enter', { code: await codeFor(email) });
            }
        },
        {
            by: 'a forgotten password',
            doors: ['/(auth)/reset load', '/(auth)/reset action:default'],
            async enter(next) {
                const [{ email }, visitor] = [await aPerson('led'), aVisitor(app)];
                await visitor.post('/reset', { email, next });
                return await visitor.post('/sign-in/code?/enter', { code: await codeFor(email) });
            }
        },
        {
            by: 'choosing a password',
            doors: ['/(auth)/reset/password load', '/(auth)/reset/password action:default'],
            async enter(next) {
                const visitor = await signedIn(await aPerson('led'), app);
                const password = `${randomUUID()} wet ladders`;
                return await visitor.post('/reset/password', { password, next });
            }
        },
        {
            by: 'proving it anew with a password',
            doors: ['/(auth)/auth/again load', '/(auth)/auth/again action:password'],
            async enter(next) {
                const { owner } = scene.finch;
                const visitor = await signedIn(owner, app);
                return await visitor.post('/auth/again?/password', { password: owner.password, next });
            }
        },
        {
            by: 'proving it anew with a code',
            doors: ['/(auth)/auth/again action:send', '/(auth)/auth/again action:code'],
            async enter(next) {
                const person = await aPerson('led');
                const visitor = await signedIn(person, app);
                const sent = await visitor.post('/auth/again?/send', { next });
                expect(sent.headers.get('location')).toMatch(/^\/auth\/again\?/);
                const code = await codeFor(person.email);
                return await visitor.post('/auth/again?/code', { code, next });
            }
        },
        {
            by: 'giving a second factor',
            doors: [
                '/(auth)/auth/factor load',
                '/(auth)/auth/factor action:default',
                '/(auth)/auth/again action:factor'
            ],
            async enter(next) {
                const person = await aPerson('led');
                const phone = await anApp(await signedIn(person, app), next);
                const visitor = await signedIn(person, app);
                const code = codeShown(phone.secret, new Date(), 1);
                return await visitor.post('/auth/factor', { factor_id: phone.factorId, code, next });
            }
        },
        {
            by: 'setting up a security key',
            doors: ['/(auth)/auth/factor/key load', '/(auth)/auth/factor/key action:default'],
            async enter(next) {
                const { last } = await aSecurityKey(await signedIn(await aPerson('led'), app), { next });
                const to = new URL(last.headers.get('location') ?? '', app).searchParams.get('next');
                return new Response(null, { status: last.status, headers: { location: to ?? '' } });
            }
        },
        {
            by: 'giving a security key',
            doors: ['/(auth)/auth/factor/use load', '/(auth)/auth/factor/use action:default'],
            async enter(next) {
                const person = await aPerson('led');
                const { key, factorId } = await aSecurityKey(await signedIn(person, app));
                const visitor = await signedIn(person, app);
                const fields = await keyAnswered(visitor, factorId, key);
                return await visitor.post(`/auth/factor/use?${new URLSearchParams({ next })}`, fields);
            }
        },
        {
            by: 'proving it anew with a security key',
            doors: ['/(auth)/auth/again action:key'],
            async enter(next) {
                const visitor = await signedIn(await aPerson('led'), app);
                const { key, factorId } = await aSecurityKey(visitor);
                const fields = await keyAnswered(visitor, factorId, key);
                return await visitor.post('/auth/again?/key', { ...fields, next });
            }
        },
        {
            by: 'setting up a second factor',
            doors: [
                '/(auth)/auth/factor/new load',
                '/(auth)/auth/factor/new action:begin',
                '/(auth)/auth/factor/new action:finish',
                '/(auth)/auth/factor/new action:elsewhere',
                '/(auth)/auth/factor/codes load',
                '/(auth)/auth/factor/codes action:default'
            ],
            async enter(next) {
                const { last } = await anApp(await signedIn(await aPerson('led'), app), next);
                const to = new URL(last.headers.get('location') ?? '', app).searchParams.get('next');
                return new Response(null, { status: last.status, headers: { location: to ?? '' } });
            }
        },
        {
            by: 'a recovery code',
            doors: ['/(auth)/auth/factor/recover load', '/(auth)/auth/factor/recover action:default'],
            async enter(next) {
                const person = await aPerson('led');
                const first = await signedIn(person, app);
                await anApp(first, next);
                const made = await (await first.post('/auth/factor/codes', {})).text();
                const [code = ''] = /[0-9a-z]{4}(?:-[0-9a-z]{4}){3}/.exec(made) ?? [];
                const used = await (await signedIn(person, app)).post('/auth/factor/recover', { code, next });
                const to = new URL(used.headers.get('location') ?? '', app).searchParams.get('next');
                return new Response(null, { status: used.status, headers: { location: to ?? '' } });
            }
        },
        {
            by: 'single sign-on',
            doors: [
                '/(auth)/sign-in/sso load',
                '/(auth)/sign-in/sso action:default',
                '/(auth)/auth/start GET',
                '/(auth)/auth/callback GET'
            ],
            async enter(next) {
                const domain = await withSso(await aBusiness());
                const visitor = aVisitor(app);
                const email = `led-${randomUUID()}@${domain}`;
                const shown = await (await visitor.post('/sign-in/sso', { email, next })).text();
                expect(shown).toContain(`/auth/start?sso=${domain}`);
                expect(shown).not.toContain('evil.example');
                const { page, request } = await atWork(visitor, domain, next);
                return await visitor.get(await answerAtProvider(page, { request, name: 'Kim', email }));
            }
        },
        ...(
            [
                ['Google', 'google'],
                ['Microsoft', 'azure']
            ] as const
        ).map(([by, provider]) => ({
            by,
            doors: ['/(auth)/auth/start GET', '/(auth)/auth/callback GET'],
            async enter(next: string) {
                const visitor = aVisitor(app);
                const { page, request } = await atProvider(visitor, provider, next);
                const back = await answerAtProvider(page, { request, name: 'Kim', email: someone() });
                return await visitor.get(back);
            }
        }))
    ];

    test.each(ways.flatMap((way) => hostile.slice(0, 4).map((next) => ({ ...way, next }))))(
        '[AUTH-1] that leads away leads nowhere at the end of signing in by $by: $next',
        async ({ enter, next }) => {
            const answer = await enter(next);
            expect(answer.status).toBe(303);
            expect(answer.headers.get('location')).not.toContain('problem');
            staysHere(answer);
        }
    );

    test.each(ways)('[AUTH-1] of ours is where signing in by $by ends', async ({ by, enter }) => {
        const to = (await enter('/money?show=all')).headers.get('location');
        const choosesFirst = ['signing up', 'a forgotten password'].includes(by);
        expect(to).toBe(choosesFirst ? '/reset/password' : '/money?show=all');
    });

    test('[AUTH-1] is tried at the end of every way in whose route takes one', () => {
        const taking = [...reads(), ...writes()].filter(takes).map(({ door }) => door);
        expect(taking.length).toBeGreaterThan(8);
        expect(ways.flatMap(({ doors }) => doors)).toEqual(expect.arrayContaining(taking));
    });

    test('[AUTH-1] in the cookie of a sign-in that has begun counts no more than in the address', async () => {
        const email = `planted-${randomUUID()}@example.test`;
        const visitor = aVisitor(app);
        await visitor.post('/sign-in', { email });
        const waiting = JSON.parse(
            Buffer.from(visitor.cookies.get('__Host-tf-waiting') ?? '', 'base64url').toString()
        ) as object;
        const planted = JSON.stringify({ ...waiting, next: 'https://evil.example/' });
        visitor.cookies.set('__Host-tf-waiting', Buffer.from(planted).toString('base64url'));
        staysHere(await visitor.post('/sign-in/code?/enter', { code: await codeFor(email) }));
    });

    test('[AUTH-1] is checked in every route that takes one', () => {
        const named = [...reads(), ...writes()].filter(({ source }) =>
            /get\('next'\)|(input|waiting)\)?\??\.next\b|, next \}/.test(source)
        );
        expect(named.length).toBeGreaterThan(4);
        for (const { door, source } of named) expect(source, door).toContain('nextPath(');
    });

    test('[AUTH-1] that the auth server is asked to go back to is ours, or it goes back to ours', async () => {
        const { apiUrl } = stack();
        for (const away of ['https://evil.example', `${app}.evil.example`, `${app}@evil.example`]) {
            const to = encodeURIComponent(away);
            const begun = await fetch(`${apiUrl}/auth/v1/authorize?provider=google&redirect_to=${to}`, {
                redirect: 'manual'
            });
            const page = begun.headers.get('location') ?? '';
            const [, request = ''] =
                /name="request" value="([^"]+)"/.exec(await (await fetch(page)).text()) ?? [];
            const body = new URLSearchParams({ request, name: 'Kim', email: someone() });
            let answer = await fetch(new URL('/authorize', page), {
                method: 'POST',
                body,
                redirect: 'manual'
            });
            const passed: string[] = [];
            while (answer.headers.has('location') && passed.length < 5) {
                const location = answer.headers.get('location') ?? '';
                passed.push(new URL(location).origin);
                if (!location.startsWith(apiUrl)) break;
                answer = await fetch(location, { redirect: 'manual' });
            }
            expect(passed.at(-1), away).toBe(app);
        }
    });
});
