// Our own limits at the gate: by address, by login, by device. Time goes by in the rows that are counted.
import { randomUUID } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import postgres from 'postgres';
import { afterAll, describe, expect, it } from 'vitest';
import { codeFor, mailTo } from '../../support/inbox.ts';
import { anyAddress, contextHeader, info, knock } from './edge.ts';

const sql = postgres(info.superuserUrl, { max: 1 });
afterAll(() => sql.end());

const admin = createClient(info.apiUrl, info.secretKey, {
    auth: { persistSession: false, autoRefreshToken: false }
}).auth.admin;

type Person = { email: string; password: string; id: string };

async function aPerson(): Promise<Person> {
    const email = `pat-${randomUUID()}@example.com`;
    const password = `long enough ${randomUUID()}`;
    const { data, error } = await admin.createUser({ email, password, email_confirm: true });
    if (error) throw error;
    return { email, password, id: data.user.id };
}

const nobody = (): Person => ({
    email: `nobody-${randomUUID()}@example.com`,
    password: 'none at all',
    id: ''
});

/** A call through the gate; from an address of its own and no device, unless said otherwise. */
const call = (path: string, body: object, from: { ip?: string; dev?: string } = {}): Promise<Response> =>
    knock(`auth-gate/auth/v1/${path}`, {
        headers: { 'x-tf-context': contextHeader({ ip: from.ip ?? anyAddress(), ...from }) },
        body
    });

const enter = ({ email, password }: Person, from: { ip?: string; dev?: string } = {}): Promise<Response> =>
    call('token?grant_type=password', { email, password }, from);
const guess = ({ email }: Person, from: { ip?: string; dev?: string } = {}): Promise<Response> =>
    call('token?grant_type=password', { email, password: 'a wrong guess' }, from);
const ask = ({ email }: Person, from: { ip?: string; dev?: string } = {}): Promise<Response> =>
    call('otp', { email, create_user: false }, from);

/** Asks the same `times` times, one after the other, and answers with what was said each time. */
async function inTurn(times: number, act: () => Promise<Response>): Promise<number[]> {
    const said: number[] = [];
    for (let n = 0; n < times; n += 1) said.push((await act()).status);
    return said;
}

/** Lets time go by for what one key took of one limit. */
const later = (seconds: number, limit: string, key: string) =>
    sql`update private.limit_takes as t
        set taken = array(select moment - make_interval(secs => ${seconds}) from unnest(t.taken) as moment),
            refused_until = t.refused_until - make_interval(secs => ${seconds})
        from private.limit_keys(${sql.json([{ limit, key }])}) as k
        where t.key_hash = k.key_hash`;

/** When the newest mail went to somebody, as soon as it is later than `before`; then the auth server's second goes by. */
async function sentAfter({ id }: Person, before: Date): Promise<Date> {
    let sent = before;
    const look = async (): Promise<Date> => {
        const [row] = await sql<{ at: Date | null }[]>`
            select greatest(recovery_sent_at, confirmation_sent_at) as at from auth.users where id = ${id}`;
        sent = row?.at ?? before;
        return sent;
    };
    await expect.poll(look).toSatisfy((at: Date) => at > before);
    await sql`
        update auth.users set recovery_sent_at = recovery_sent_at - interval '1 second',
            confirmation_sent_at = confirmation_sent_at - interval '1 second'
        where id = ${id}`;
    return sent;
}

/** The device's proof that an answer gives. */
const deviceOf = (answer: Response): string => answer.headers.get('x-tf-device') ?? '';

const refusalOf = async (answer: Response) => {
    const { code } = (await answer.json()) as { code: string };
    const wait = Number(answer.headers.get('retry-after'));
    return { status: answer.status, code, minutes: Math.ceil(wait / 60) };
};

describe('[RATE-1] attempts from one address', () => {
    it('pass ten times out of 200 at once, and not once more until the first is 15 minutes old', async () => {
        const ip = anyAddress();
        const people = Array.from({ length: 200 }, nobody);
        const all = await Promise.all(people.map((person) => guess(person, { ip })));
        expect(all.filter(({ status }) => status === 400)).toHaveLength(10);
        const refused = all.filter(({ status }) => status === 429);
        expect(refused).toHaveLength(190);
        for (const answer of refused.slice(0, 5)) {
            expect(answer.headers.get('ratelimit-policy')).toBe('"sign_in_address";q=10;w=900');
            expect(answer.headers.get('ratelimit')).toMatch(/^"sign_in_address";r=0;t=(89\d|900)$/);
            expect(answer.headers.get('x-sb-error-code')).toBe('too_many_tries');
            expect(await refusalOf(answer)).toEqual({ status: 429, code: 'too_many_tries', minutes: 15 });
        }
        await later(870, 'sign_in_address', ip);
        expect((await guess(nobody(), { ip })).status).toBe(429);
        await later(40, 'sign_in_address', ip);
        expect((await guess(nobody(), { ip })).status).toBe(400);
    });

    it('are counted together, by whatever way: password, code, link, provider', async () => {
        const ip = anyAddress();
        const ways = [
            () => guess(nobody(), { ip }),
            () => call('verify', { email: nobody().email, token: '123456', type: 'email' }, { ip }),
            () => call('verify', { token_hash: 'ab'.repeat(28), type: 'email' }, { ip }),
            () =>
                call(
                    'token?grant_type=pkce',
                    { auth_code: randomUUID(), code_verifier: 'x'.repeat(43) },
                    { ip }
                )
        ];
        const said: number[] = [];
        for (let n = 0; n < 10; n += 1) said.push(((await ways[n % 4]?.()) as Response).status);
        expect(said).not.toContain(429);
        for (const way of ways) expect((await way()).status).toBe(429);
    });

    it('are those of a whole network of version 6', async () => {
        const [, , c = '', d = ''] = anyAddress().split('.');
        const network = `2001:db8:${c}:${d}`;
        const said = await Promise.all(
            Array.from({ length: 20 }, (_, host) => guess(nobody(), { ip: `${network}::${host + 1}` }))
        );
        expect(said.filter(({ status }) => status === 429)).toHaveLength(10);
        expect((await guess(nobody(), { ip: `2001:db8:${c}:1${d}::1` })).status, 'the next network').toBe(
            400
        );
    });

    it('say how many are left', async () => {
        const answer = await guess(nobody());
        expect(answer.headers.get('ratelimit')).toMatch(/^"sign_in_address";r=9;t=(89\d|900)$/);
    });
});

describe('[RATE-1] a login that is guessed at from many addresses', () => {
    it.each([
        ['that somebody has', aPerson],
        ['that nobody has', () => Promise.resolve(nobody())]
    ])('%s waits a minute after five, then two, four, up to an hour', async (_, make) => {
        const person = await make();
        expect(await inTurn(5, () => guess(person))).toEqual([400, 400, 400, 400, 400]);
        for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
            const refused = await refusalOf(await enter(person));
            expect(refused).toEqual({ status: 429, code: 'password_paused', minutes });
            await later(minutes * 60, 'password', person.email);
            expect((await guess(person)).status, `after ${minutes}`).toBe(400);
        }
    });

    it('lets no more than five through of 50 at once', async () => {
        const person = await aPerson();
        const all = await Promise.all(Array.from({ length: 50 }, () => guess(person)));
        expect(all.filter(({ status }) => status === 400)).toHaveLength(5);
        expect(all.filter(({ status }) => status === 429)).toHaveLength(45);
    });

    it('is free at once with the right password before that', async () => {
        const person = await aPerson();
        for (let round = 0; round < 3; round += 1) {
            expect(await inTurn(4, () => guess(person))).toEqual([400, 400, 400, 400]);
            expect((await enter(person)).status).toBe(200);
        }
    });

    it('opens to a code that came by mail, which frees it', async () => {
        const person = await aPerson();
        await inTurn(5, () => guess(person));
        expect((await enter(person)).status).toBe(429);
        await ask(person);
        const code = await codeFor(person.email);
        const entered = await call('verify', { email: person.email, token: code, type: 'email' });
        expect(entered.status).toBe(200);
        expect((await enter(person)).status, 'the password works again').toBe(200);
    });

    it('is recorded once, not once an attempt', async () => {
        const person = await aPerson();
        await inTurn(5, () => guess(person));
        await inTurn(20, () => guess(person));
        const told = await sql`
            select r.result, v.fields -> '@detail' ->> 1 as detail
            from audit.records as r
            left join audit.field_values as v on v.record_id = r.id
            where r.chain_id = ${person.id} and r.action = 'sign_in.refused'
            order by r.id`;
        expect(told.map(({ result }) => String(result))).toEqual([
            ...Array<string>(5).fill('failed'),
            'refused'
        ]);
        expect(JSON.parse(String(told.at(-1)?.detail))).toEqual({
            code: 'password_paused',
            method: 'password'
        });
    });
});

describe('[RATE-1] a device that signed in before', () => {
    it('is not locked out by strangers, neither at its login nor at its address', async () => {
        const person = await aPerson();
        const home = anyAddress();
        const dev = deviceOf(await enter(person, { ip: home }));
        await inTurn(6, () => guess(person));
        await inTurn(12, () => guess(nobody(), { ip: home }));
        expect((await enter(person)).status, 'a stranger').toBe(429);
        expect((await enter(person, { ip: home })).status, 'a stranger next door').toBe(429);
        expect((await enter(person, { ip: home, dev })).status, 'the device').toBe(200);
        expect((await ask(person, { ip: home, dev })).status, 'a code for it').toBe(200);
        expect((await enter(person)).status, 'and the stranger still').toBe(429);
    });

    it('has its own five failures, which lock nobody else out', async () => {
        const person = await aPerson();
        const dev = deviceOf(await enter(person));
        const other = deviceOf(await enter(person));
        expect(await inTurn(5, () => guess(person, { dev }))).toEqual([400, 400, 400, 400, 400]);
        expect((await enter(person, { dev })).status, 'that device').toBe(429);
        expect((await enter(person, { dev: other })).status, 'another device').toBe(200);
        expect((await enter(person)).status, 'somewhere new').toBe(200);
    });

    it('is a stranger to every other login', async () => {
        const [person, other] = [await aPerson(), await aPerson()];
        const dev = deviceOf(await enter(other));
        await inTurn(5, () => guess(person));
        expect((await enter(person, { dev })).status).toBe(429);
        const ip = anyAddress();
        expect(await inTurn(10, () => guess(nobody(), { ip, dev }))).not.toContain(429);
        expect((await guess(nobody(), { ip, dev })).status).toBe(429);
    });

    it('knows all who signed in from it', async () => {
        const [person, other] = [await aPerson(), await aPerson()];
        const first = deviceOf(await enter(person));
        const both = deviceOf(await enter(other, { dev: first }));
        for (const login of [person, other]) {
            await inTurn(5, () => guess(login));
            expect((await enter(login, { dev: both })).status).toBe(200);
        }
    });

    it('is proved by the gate alone: what was made up or changed is nothing', async () => {
        const person = await aPerson();
        const answer = await enter(person);
        const dev = deviceOf(answer);
        expect(dev).not.toContain(person.email);
        await inTurn(5, () => guess(person));
        for (const made of [dev.slice(0, -1), dev.replace(/^./, 'x'), `${dev}x`, 'x'.repeat(99)])
            expect((await enter(person, { dev: made })).status, made).toBe(429);
        expect(deviceOf(await guess(person, { dev })), 'none for a failure').toBe('');
    });
});

describe('[RATE-1] mails that are asked for', () => {
    it('stop after five to one mailbox, whoever asks, and begin again by and by', async () => {
        const person = await aPerson();
        const asks = [
            () => ask(person),
            () => call('recover', { email: person.email }),
            () => call('resend', { email: person.email, type: 'signup' })
        ];
        for (let n = 0; n < 5; n += 1)
            expect(((await asks[n % 3]?.()) as Response).status, `mail ${n + 1}`).toBe(200);
        for (const act of asks)
            expect(await refusalOf(await act())).toEqual({ status: 429, code: 'too_many_mails', minutes: 1 });
        // A mail is sent after its answer, and no two within the auth server's second: what comes of five is one at least.
        const since = await sentAfter(person, new Date(0));
        await later(60, 'mail', person.email);
        expect((await ask(person)).status).toBe(200);
        expect((await refusalOf(await ask(person))).minutes).toBe(2);
        await sentAfter(person, since);
    });

    it('stop after ten from one address, whomever they are for', async () => {
        const ip = anyAddress();
        const all = await Promise.all(Array.from({ length: 30 }, () => ask(nobody(), { ip })));
        expect(all.filter(({ status }) => status === 429)).toHaveLength(20);
    });
});

describe('[RATE-1] codes', () => {
    it('can’t be tried one after the other from many addresses', async () => {
        const person = await aPerson();
        await ask(person);
        const tried = await inTurn(14, () =>
            call('verify', { email: person.email, token: '000000', type: 'email' })
        );
        expect(tried.filter((status) => status === 429)).toHaveLength(4);
    });

    it('can’t be tried as links either: those of our mails are sealed, and no other reaches the auth server', async () => {
        const person = await aPerson();
        await ask(person);
        const link = /token_hash=([\w.-]+)/.exec((await mailTo(person.email)).text)?.[1] ?? '';
        const [tokenHash = ''] = link.split('.');
        const stored = await sql`select 1 from auth.one_time_tokens where token_hash = ${tokenHash}`;
        expect(stored, 'the auth server would take it').toHaveLength(1);
        const guessed = await call('verify', { token_hash: tokenHash, type: 'email' });
        expect([guessed.status, guessed.headers.get('x-sb-error-code')]).toEqual([403, 'otp_expired']);
        expect((await call('verify', { token_hash: link, type: 'email' })).status).toBe(200);
    });
});
