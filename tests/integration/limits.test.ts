// The limits over two web servers, and with the store that counts them gone: a stack of its own.
import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, anAddress, superuser, type Business } from '../support/business.ts';
import { startProduct, type Product } from '../support/product.ts';
import { aVisitor, signedIn } from '../support/visitor.ts';

let product: Product;
let business: Business;
let sql: Sql;

beforeAll(async () => {
    product = await startProduct({ servers: 2 });
    business = await aBusiness();
    sql = superuser();
});
afterAll(async () => {
    await sql.end();
    await product.stop();
});

const anyLogin = () => ({ email: `nobody-${randomUUID()}@example.test`, password: 'a wrong guess' });

/** Statuses of so many attempts at once at these web servers, each for another login. */
const attempts = (count: number, servers: readonly string[], headers: () => Record<string, string>) =>
    Promise.all(
        Array.from({ length: count }, async (_, n) => {
            const visitor = aVisitor(servers[n % servers.length] ?? '', product.origin);
            return (await visitor.post('/sign-in/password', anyLogin(), headers())).status;
        })
    );

const outcome = (statuses: readonly number[]) => ({
    passed: statuses.filter((status) => status === 422).length,
    refused: statuses.filter((status) => status === 429).length
});

describe('[RATE-1] 200 attempts at once from one address', () => {
    it('let exactly ten through, by one web server', async () => {
        const from = { 'x-forwarded-for': anAddress() };
        const said = await attempts(200, product.addresses.slice(0, 1), () => from);
        expect(outcome(said)).toEqual({ passed: 10, refused: 190 });
    });

    it('let exactly ten through, by two web servers', async () => {
        const from = { 'x-forwarded-for': anAddress() };
        const said = await attempts(200, product.addresses, () => from);
        expect(outcome(said)).toEqual({ passed: 10, refused: 190 });
    });

    it('[RATE-4] let ten through, whatever stands to the left of what the trusted proxy wrote', async () => {
        const real = anAddress();
        const said = await attempts(60, product.addresses, () => ({
            'x-forwarded-for': `${anAddress()}, ${real}`,
            'x-real-ip': anAddress(),
            'cf-connecting-ip': anAddress(),
            'sb-forwarded-for': anAddress(),
            forwarded: `for=${anAddress()}`
        }));
        expect(outcome(said)).toEqual({ passed: 10, refused: 50 });
    });
});

describe('[RATE-3] 200 acts at once', () => {
    let neighbour: Business;

    beforeAll(async () => {
        neighbour = await aBusiness();
        // The product's periods are of seconds, and these tests are not about how fast the machine is.
        await sql`update private.limits set period = '1 hour' where name like 'act\\_%'`;
    });
    afterEach(async () => {
        await sql`delete from private.limit_takes where limit_name like 'act\\_%'`;
    });

    /** What an endpoint of ours says to somebody of a business, on whichever of these servers, from an address. */
    const acting = async (
        person: Business['owner'],
        of: Business,
        servers: readonly string[],
        address: string
    ) => {
        let turn = 0;
        const visitor = await signedIn(person, () => servers[turn++ % servers.length] ?? '', product.origin);
        const act = (): Promise<Response> =>
            visitor.json(
                '/more/audit/check/pages',
                { account_id: of.accountId, after: 0, anchor: '' },
                { 'x-forwarded-for': address }
            );
        return (times: number) => Promise.all(Array.from({ length: times }, act));
    };
    const spread = (answers: readonly Response[]) => ({
        passed: answers.filter(({ status }) => status === 200).length,
        refused: answers.filter(({ status }) => status === 429).length
    });
    /** How many of a limit each answer that passed says are left, the most first. */
    const left = (answers: readonly Response[], limit: string): number[] =>
        answers
            .filter(({ status }) => status === 200)
            .map(({ headers }) =>
                Number(new RegExp(`"${limit}";r=(\\d+);t=`).exec(headers.get('ratelimit') ?? '')?.[1])
            )
            .sort((one, other) => other - one);
    const countingDown = Array.from({ length: 100 }, (_, n) => 99 - n);

    it.each([
        ['one web server', 1],
        ['two web servers', 2]
    ])('of one person let exactly a hundred through, by %s, and each says what is left', async (_, count) => {
        const servers = product.addresses.slice(0, count);
        const answers = await (await acting(business.owner, business, servers, anAddress()))(200);
        expect(spread(answers)).toEqual({ passed: 100, refused: 100 });
        expect(left(answers, 'act_person')).toEqual(countingDown);
        for (const { status, headers } of answers) {
            expect(headers.get('ratelimit-policy')).toContain('"act_person";q=100;w=3600');
            if (status === 200) expect(headers.get('retry-after')).toBeNull();
            else expect(Number(headers.get('retry-after'))).toBeGreaterThan(3500);
        }
        const refused = answers.find(({ status }) => status === 429);
        expect(refused?.headers.get('content-type')).toBe('application/problem+json');
        expect(await refused?.json()).toMatchObject({ code: 'too_many_acts', status: 429 });
    });

    it('of one business let exactly a hundred through, whoever of it acts from wherever, and leave another its own', async () => {
        const staff = await business.withMember('admin');
        const both = await Promise.all(
            [business.owner, staff].map((person) => acting(person, business, product.addresses, anAddress()))
        );
        const next = await acting(neighbour.owner, neighbour, product.addresses, anAddress());
        const [answers, others] = await Promise.all([
            Promise.all(both.map((act) => act(100))).then((all) => all.flat()),
            next(20)
        ]);
        expect(spread(answers)).toEqual({ passed: 100, refused: 100 });
        expect(left(answers, 'act_account')).toEqual(countingDown);
        expect(spread(others), 'another business').toEqual({ passed: 20, refused: 0 });
    });

    it('of one address let exactly a hundred through, whoever acts from it', async () => {
        const address = anAddress();
        const both = await Promise.all(
            [business, neighbour].map((of) => acting(of.owner, of, product.addresses, address))
        );
        const answers = (await Promise.all(both.map((act) => act(100)))).flat();
        expect(spread(answers)).toEqual({ passed: 100, refused: 100 });
        expect(left(answers, 'act_address')).toEqual(countingDown);
    });

    it('refuse the next form with what was typed in it, and no page', async () => {
        const act = await acting(business.owner, business, product.addresses, anAddress());
        await act(100);
        const visitor = await signedIn(business.owner, product.origin);
        const refused = await visitor.post('/customers/new', {
            __superform_id: 'customer',
            account_id: business.accountId,
            name: 'Ahmed Khan',
            email: '',
            address_line_1: '1 Mill Lane',
            idempotency_key: randomUUID()
        });
        expect(refused.status).toBe(429);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3500);
        expect(refused.headers.get('ratelimit')).toMatch(/"act_person";r=0;t=3\d\d\d/);
        const page = await refused.text();
        expect(page).toContain('That was more at once than we take');
        expect(page).toContain('value="Ahmed Khan"');
        const looking = await visitor.get('/customers');
        expect(looking.status).toBe(200);
        expect(looking.headers.get('ratelimit'), 'what is looked at is not counted').toBeNull();
    });
});

describe('[RATE-1] what is forgotten while somebody takes it', () => {
    it('is counted anew, and keeps neither waiting in a circle', async () => {
        const [taker, forgetter] = [superuser(), superuser()];
        const wanted = sql.json([{ limit: 'export', key: randomUUID() }]);
        const take = () => taker<{ allowed: boolean; remaining: number }[]>`
            select allowed, remaining from private.take(${wanted})`;
        const waiting = async (): Promise<number> => {
            const [found] = await sql<{ waiting: number }[]>`
                select count(*)::integer as waiting from pg_stat_activity
                where wait_event_type = 'Lock' and query like '%private.take(%'`;
            return found?.waiting ?? 0;
        };
        try {
            await take();
            await sql`
                update private.limit_takes set forget_at = now() - interval '1 second'
                where key_hash in (select key_hash from private.limit_keys(${wanted}))`;
            const [job] = await sql<{ command: string }[]>`
                select command from private.schedules where name = 'forget-limits'`;
            const taken = await forgetter.begin(async (forgetting) => {
                await forgetting.unsafe(job?.command ?? '');
                const under = take().execute();
                await expect.poll(waiting, { timeout: 5000 }).toBe(1);
                return { under };
            });
            expect([...(await taken.under)]).toEqual([{ allowed: true, remaining: 9 }]);
        } finally {
            await Promise.all([taker.end(), forgetter.end()]);
        }
    });
});

describe('a customer’s link', () => {
    it('[RATE-3] that is guessed at the Data API itself counts for all who come there, whatever address they claim', async () => {
        const guess = async (): Promise<number> => {
            const answer = await fetch(`${product.info.apiUrl}/rest/v1/rpc/portal_invoice`, {
                method: 'POST',
                headers: {
                    apikey: product.info.publishableKey,
                    'content-type': 'application/json',
                    'x-forwarded-for': anAddress()
                },
                body: JSON.stringify({ token: randomUUID() })
            });
            return answer.status;
        };
        const statuses = await Promise.all(Array.from({ length: 120 }, guess));
        expect(statuses.filter((status) => status === 400)).toHaveLength(100);
        expect(statuses.filter((status) => status === 429)).toHaveLength(20);
        const { invoiceId, reference } = await business.anInvoice();
        const customer = aVisitor(product.origin);
        await customer.get(`/p/${await business.aLink(invoiceId)}`);
        const page = await customer.get('/portal/invoice');
        expect(await page.text(), 'which is nothing to whoever comes by us').toContain(reference);
    });
});

describe('[RATE-4] with the store of the limits gone', () => {
    const gone = async (work: () => Promise<void>): Promise<void> => {
        await sql`alter table private.limit_takes rename to limit_takes_gone`;
        try {
            await work();
        } finally {
            await sql`alter table private.limit_takes_gone rename to limit_takes`;
        }
    };

    it('nobody gets in, by any way, and each form says so', async () => {
        await gone(async () => {
            const { email, password } = business.owner;
            const by: [path: string, fields: Record<string, string>][] = [
                ['/sign-in/password', { email, password }],
                ['/sign-in', { email }],
                ['/sign-up', { email }],
                ['/reset', { email }]
            ];
            for (const [path, fields] of by) {
                const visitor = aVisitor(product.origin);
                const answer = await visitor.post(path, fields);
                expect(answer.status, path).toBe(503);
                const page = await answer.text();
                expect(page).toContain('We cannot reach our own service just now.');
                expect(page, 'what was typed is kept').toContain(`value="${email}"`);
                expect(visitor.cookies.has('__Host-tf')).toBe(false);
            }
        });
        await signedIn(business.owner, product.origin);
    });

    it('whoever is in goes on reading and writing, through a refresh as well', async () => {
        const visitor = await signedIn(business.owner, product.origin);
        await gone(async () => {
            expect((await visitor.get('/jobs')).status).toBe(200);
            const cookie = visitor.cookies.get('__Host-tf') ?? '';
            const session = Buffer.from(cookie.slice('base64-'.length), 'base64url').toString();
            const ending = {
                ...(JSON.parse(session) as object),
                expires_at: Math.floor(Date.now() / 1000) + 20
            };
            visitor.cookies.set(
                '__Host-tf',
                `base64-${Buffer.from(JSON.stringify(ending)).toString('base64url')}`
            );
            expect((await visitor.get('/jobs')).status).toBe(200);
            expect(visitor.cookies.get('__Host-tf')).not.toBe(cookie);
            const made = await visitor.post('/customers/new', {
                name: 'Ahmed Khan',
                email: '',
                address_line_1: '1 Mill Lane',
                idempotency_key: randomUUID()
            });
            expect(made.status).toBe(303);
        });
    });

    it('a store that hangs counts as gone, and keeps nobody waiting for long', async () => {
        const visitor = await signedIn(business.owner, product.origin);
        const holder = await sql.reserve();
        try {
            await holder`begin`;
            await holder`lock table private.limit_takes in access exclusive mode`;
            const began = Date.now();
            const answer = await aVisitor(product.origin).post('/sign-in/password', anyLogin());
            expect(answer.status).toBe(503);
            expect(Date.now() - began).toBeLessThan(6000);
            const made = await visitor.post('/customers/new', {
                name: 'Bronagh Kelly',
                email: '',
                address_line_1: '2 Mill Lane',
                idempotency_key: randomUUID()
            });
            expect(made.status, 'whoever is in goes on').toBe(303);
        } finally {
            await holder`rollback`;
            holder.release();
        }
    });
});

describe('[RATE-4] a sign-in that can’t be weighed', () => {
    it('is not let in, however right the password was', async () => {
        await sql`alter table private.suspicion_weights rename to suspicion_weights_gone`;
        try {
            const visitor = aVisitor(product.origin);
            const answer = await visitor.post('/sign-in/password', {
                email: business.owner.email,
                password: business.owner.password
            });
            expect(answer.status).toBe(503);
            expect(visitor.cookies.has('__Host-tf')).toBe(false);
        } finally {
            await sql`alter table private.suspicion_weights_gone rename to suspicion_weights`;
        }
        await signedIn(business.owner, product.origin);
    });
});

describe('an attempt that the auth server could not answer', () => {
    it('[RATE-1] is given back, to the address and to the login', async () => {
        const from = { 'x-forwarded-for': anAddress() };
        const { email, password } = business.owner;
        const attempt = (typed: string) =>
            aVisitor(product.origin).post('/sign-in/password', { email, password: typed }, from);
        await sql`alter table auth.users rename to users_gone`;
        try {
            for (let n = 0; n < 12; n += 1) expect((await attempt(password)).status).toBe(503);
        } finally {
            await sql`alter table auth.users_gone rename to users`;
        }
        for (let n = 0; n < 4; n += 1) expect((await attempt('a wrong guess')).status).toBe(422);
        expect((await attempt(password)).status).toBe(303);
    });
});
