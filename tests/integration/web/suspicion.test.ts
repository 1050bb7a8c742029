// Sign-ins that look strange, and addresses that attack, as people meet them in the forms. Where an address is, the table that
// comes along says; time goes by in the rows that are weighed.
import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { anAddress, aPerson, superuser, type Person } from '../../support/business.ts';
import { codeFor, mailTo } from '../../support/inbox.ts';
import { answerAtProvider, atProvider } from '../../support/providers.ts';
import { aVisitor, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
afterAll(() => sql.end());

/** Addresses of networks that belong to one large provider each. */
const inBritain = (): string => `86.${randomInt(128, 144)}.${randomInt(256)}.${randomInt(1, 255)}`;
const inGermany = (): string => `80.${randomInt(130, 140)}.${randomInt(256)}.${randomInt(1, 255)}`;
const from = (address: string) => ({ 'x-forwarded-for': address });

const enter = (
    { email, password }: Pick<Person, 'email' | 'password'>,
    address: string,
    visitor: Visitor = aVisitor(app)
): Promise<Response> => visitor.post('/sign-in/password', { email, password }, from(address));

const guess = (address: string, email = `nobody-${randomUUID()}@example.test`): Promise<Response> =>
    enter({ email, password: 'a wrong guess' }, address);

const sessionsOf = async ({ id }: Person): Promise<number> =>
    (await sql`select 1 from auth.sessions where user_id = ${id}`).length;

/** Somebody who signed in at home yesterday, and the browser there. */
async function atHome(): Promise<{ person: Person; browser: Visitor }> {
    const person = await aPerson();
    const browser = aVisitor(app);
    expect((await enter(person, inBritain(), browser)).status).toBe(303);
    await sql`
        update private.sign_in_decisions set decided_at = decided_at - interval '1 day' where user_id = ${person.id}`;
    return { person, browser };
}

describe('[RATE-5] a sign-in on a new device in a new country', () => {
    it('by the right password opens nothing, is told by e-mail, and goes on with a code', async () => {
        const { person } = await atHome();
        const before = await sessionsOf(person);
        const [visitor, abroad] = [aVisitor(app), inGermany()];
        const stopped = await visitor.post(
            '/sign-in/password',
            { email: person.email, password: person.password, next: '/jobs' },
            from(abroad)
        );
        expect([stopped.status, stopped.headers.get('location')]).toEqual([303, '/sign-in/code?unusual']);
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
        expect(visitor.cookies.has('__Host-tf-device')).toBe(false);
        expect(await sessionsOf(person), 'the session that the auth server began').toBe(before);
        const page = await (await visitor.get('/sign-in/code?unusual')).text();
        expect(page).toContain('This sign-in looks unusual, so we want to be sure that it is you.');
        expect(page).toContain(person.email);

        const told = await mailTo(person.email, undefined, 'unusual sign-in');
        expect(told.text).toContain(`from the address ${abroad} in Germany`);
        const entered = await visitor.post(
            '/sign-in/code?/enter',
            { code: await codeFor(person.email) },
            from(abroad)
        );
        expect([entered.status, entered.headers.get('location')]).toEqual([303, '/jobs']);
        expect(visitor.cookies.has('__Host-tf')).toBe(true);
        expect((await enter(person, abroad, visitor)).status, 'and is usual from then on').toBe(303);
    });

    it('by a provider opens nothing either, and goes on with a code', async () => {
        const email = `traveller-${randomUUID()}@example.test`;
        const come = async (address: string): Promise<{ visitor: Visitor; location: string | null }> => {
            const visitor = aVisitor(app);
            const { page, request } = await atProvider(visitor, 'google');
            const back = await answerAtProvider(page, { request, person: 'new', name: 'Tam Trader', email });
            const answer = await visitor.get(back, from(address));
            return { visitor, location: answer.headers.get('location') };
        };
        expect((await come(inBritain())).location).toBe('/today');
        const { visitor, location } = await come(inGermany());
        expect(location).toBe('/sign-in/code?unusual');
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
        const entered = await visitor.post('/sign-in/code?/enter', { code: await codeFor(email) });
        expect(entered.status).toBe(303);
        expect(visitor.cookies.has('__Host-tf')).toBe(true);
    });

    it('leaves a decision with its factors, their weights and the reason in words', async () => {
        const { person } = await atHome();
        await enter(person, inGermany());
        const [made] = await sql<
            { trace_id: string; factors: unknown; score: number; reason: string; country: string }[]
        >`
            select trace_id, factors, score, reason, country from private.sign_in_decisions
            where user_id = ${person.id} and decision = 'code_asked'`;
        expect(made?.trace_id).toMatch(/^[0-9a-f-]{36}$/);
        expect(made).toMatchObject({
            score: 60,
            country: 'DE',
            factors: [
                { factor: 'new_country', weight: 35 },
                { factor: 'new_device', weight: 25 }
            ]
        });
        expect(made?.reason).toContain('Asked for a code by e-mail: from a country that');
        const alerts =
            await sql`select 1 from private.alerts where detail ->> 'trace_id' = ${made?.trace_id ?? ''}`;
        expect(alerts, 'the platform’s alert').toHaveLength(1);
    });
});

describe('[RATE-5] what is not strange enough', () => {
    it('is let in: the same browser abroad, and a new one at home', async () => {
        const { person, browser } = await atHome();
        expect((await enter(person, inGermany(), browser)).headers.get('location')).toBe('/today');
        const other = await atHome();
        expect((await enter(other.person, inBritain())).headers.get('location')).toBe('/today');
    });
});

describe('[RATE-5] many failures', () => {
    it('at a login have a new device asked for a code, in a sentence that says what to do, and not a known one', async () => {
        const { person, browser } = await atHome();
        for (let n = 0; n < 5; n += 1) await guess(anAddress(), person.email);
        const paused = await enter(person, inBritain());
        expect(await paused.text(), 'while the password waits').toContain(
            'or use a code by e-mail: that works right away.'
        );
        await sql`
            delete from private.limit_takes as t using private.limit_keys(${sql.json([{ limit: 'password', key: person.email }])}) as k
            where t.key_hash = k.key_hash`;
        expect((await enter(person, inBritain())).headers.get('location')).toBe('/sign-in/code?unusual');
        expect((await enter(person, inBritain(), browser)).headers.get('location')).toBe('/today');
    });
});

describe('[RATE-5] an address', () => {
    it('on the list of attackers signs nobody in, by any form, but on a device that signed in before', async () => {
        const { person, browser } = await atHome();
        const listed = ['192.0.2.66', '2001:db8:bad:7::1'];
        for (const address of listed) {
            const forms: [string, Record<string, string>][] = [
                ['/sign-in/password', { email: person.email, password: person.password }],
                ['/sign-in', { email: person.email }],
                ['/sign-up', { email: person.email }],
                ['/reset', { email: person.email }]
            ];
            for (const [path, fields] of forms) {
                const refused = await aVisitor(app).post(path, fields, from(address));
                expect(refused.status, path).toBe(403);
                expect(await refused.text()).toContain('Signing in does not work from this network');
            }
        }
        expect((await enter(person, '192.0.2.66', browser)).headers.get('location')).toBe('/today');
    });

    it('that tries twenty logins is shut out for an hour, told so, and released by itself', async () => {
        const { person, browser } = await atHome();
        const address = anAddress();
        for (let n = 0; n < 20; n += 1) {
            if (n === 10)
                await sql`
                    delete from private.limit_takes as t using private.limit_keys(${sql.json([{ limit: 'sign_in_address', key: address }])}) as k
                    where t.key_hash = k.key_hash`;
            expect((await guess(address)).status, `login ${n + 1}`).toBe(422);
        }
        const refused = await enter(person, address);
        expect(refused.status).toBe(429);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3500);
        expect(await refused.text()).toContain(
            'Too many sign-ins failed from this network, so nobody new can sign in from it. Try again in 60 minutes, use a device that you signed in on before, or another network'
        );
        const mail = await aVisitor(app).post('/sign-in', { email: person.email }, from(address));
        expect(mail.status, 'a code').toBe(429);
        expect((await enter(person, address, browser)).headers.get('location'), 'a known device').toBe(
            '/today'
        );

        await sql`
            update private.blocked_networks
            set blocked_at = now() - interval '1 hour', blocked_until = now() where network = ${address}`;
        await sql`
            delete from private.limit_takes as t using private.limit_keys(${sql.json([{ limit: 'sign_in_address', key: address }])}) as k
            where t.key_hash = k.key_hash`;
        expect((await enter(await aPerson(), address)).status, 'released').toBe(303);
        // Some thirty passwords are compared, one after the other.
    }, 20_000);
});
