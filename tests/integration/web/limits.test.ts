// What people see of the limits, in the forms they sign in by, and what their browser remembers.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { aPerson, anAddress } from '../../support/business.ts';
import { codeFor } from '../../support/inbox.ts';
import { aVisitor, signedIn } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const device = '__Host-tf-device';

type Typed = { email: string; password: string };
const wrong = (email: string): Typed => ({ email, password: 'a wrong guess' });
const enter = (typed: Typed, headers: Record<string, string> = {}, visitor = aVisitor(app)) =>
    visitor.post('/sign-in/password', typed, headers);

describe('[RATE-1] whoever tries too often', () => {
    it('is told in the form when to try again, in minutes, with what they typed kept', async () => {
        const from = { 'x-forwarded-for': anAddress() };
        const email = `nobody-${randomUUID()}@example.test`;
        for (let n = 0; n < 10; n += 1) await enter(wrong(`${n}-${email}`), from);
        const refused = await enter(wrong(email), from);
        expect(refused.status).toBe(429);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(870);
        expect(refused.headers.get('ratelimit-policy')).toBe('"sign_in_address";q=10;w=900');
        expect(refused.headers.get('ratelimit')).toMatch(/^"sign_in_address";r=0;t=\d+$/);
        const page = await refused.text();
        expect(page).toContain('Too many tries in a short time. Try again in 15 minutes.');
        expect(page).toContain(`value="${email}"`);
        expect(page).not.toContain('a wrong guess');
    });

    it('at one login is told to use a code instead, whether anybody has that login or not', async () => {
        const { email } = await aPerson();
        for (const login of [email, `nobody-${randomUUID()}@example.test`]) {
            for (let n = 0; n < 5; n += 1) expect((await enter(wrong(login))).status).toBe(422);
            const refused = await enter(wrong(login));
            expect(refused.status).toBe(429);
            expect(await refused.text()).toContain(
                'Too many wrong passwords for this address. Try again in a minute, or use a code by e-mail: that works right away.'
            );
        }
        const visitor = aVisitor(app);
        await visitor.post('/sign-in', { email });
        const entered = await visitor.post('/sign-in/code?/enter', { code: await codeFor(email) });
        expect(entered.status).toBe(303);
    });

    it('has mails sent is told to use the newest one, at each form that sends any', async () => {
        for (const path of ['/sign-in', '/sign-up', '/reset']) {
            const email = `new-${randomUUID()}@example.test`;
            const from = { 'x-forwarded-for': anAddress() };
            for (let n = 0; n < 10; n += 1) await aVisitor(app).post(path, { email: `${n}-${email}` }, from);
            const refused = await aVisitor(app).post(path, { email }, from);
            expect(refused.status).toBe(429);
            const page = await refused.text();
            expect(page).toContain('Use the newest one, or ask for another in 15 minutes.');
            expect(page).toContain(`value="${email}"`);
        }
    });

    it('goes on by the back door of a provider no further', async () => {
        const from = { 'x-forwarded-for': anAddress() };
        for (let n = 0; n < 10; n += 1) await enter(wrong(`${n}-${randomUUID()}@example.test`), from);
        const visitor = aVisitor(app);
        await visitor.get('/auth/start?provider=google', from);
        const back = await visitor.get(`/auth/callback?code=${randomUUID()}`, from);
        expect(back.headers.get('location')).toBe('/sign-in?problem=too_many_tries');
        const page = await (await visitor.get('/sign-in?problem=too_many_tries')).text();
        expect(page).toContain('Too many tries in a short time.');
    });
});

describe('[RATE-1] a browser', () => {
    it('remembers that somebody signed in, unreadably, and beyond signing out', async () => {
        const person = await aPerson();
        const visitor = aVisitor(app);
        const entered = await enter(person, {}, visitor);
        const line = entered.headers.getSetCookie().find((cookie) => cookie.startsWith(`${device}=`)) ?? '';
        for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/'])
            expect(line).toContain(attribute);
        expect(line).not.toMatch(/domain=/i);
        const proof = visitor.cookies.get(device) ?? '';
        expect(proof).toMatch(/^[0-9a-f]{32}\.[\w-]{22}\.[\w-]{43}$/);
        await visitor.post('/auth/sign-out', { scope: 'global' });
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
        expect(visitor.cookies.get(device)).toBe(proof);
    });

    it('that somebody signed in from is not locked out by strangers at its login and its address', async () => {
        const person = await aPerson();
        const visitor = await signedIn(person, app);
        await visitor.post('/auth/sign-out', {});
        for (let n = 0; n < 6; n += 1) await enter(wrong(person.email));
        for (let n = 0; n < 11; n += 1)
            await enter(wrong(`${n}-${randomUUID()}@example.test`), { 'x-forwarded-for': visitor.address });
        expect((await enter(person, { 'x-forwarded-for': visitor.address })).status, 'a stranger').toBe(429);
        expect((await enter(person, {}, visitor)).status, 'the browser').toBe(303);
    });

    it('that brings anything else by that name is a stranger, and still gets in', async () => {
        const person = await aPerson();
        for (const made of ['', 'x', 'x'.repeat(100), 'x'.repeat(5000)]) {
            const visitor = aVisitor(app);
            visitor.cookies.set(device, made);
            expect((await enter(person, {}, visitor)).status, made.slice(0, 10)).toBe(303);
            expect(visitor.cookies.get(device)).toMatch(/^[0-9a-f]{32}\./);
        }
    });
});
