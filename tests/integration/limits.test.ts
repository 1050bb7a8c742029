// The limits over two web servers, and with the store that counts them gone: a stack of its own.
import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
        const holder = await sql.reserve();
        try {
            await holder`begin`;
            await holder`lock table private.limit_takes in access exclusive mode`;
            const began = Date.now();
            const answer = await aVisitor(product.origin).post('/sign-in/password', anyLogin());
            expect(answer.status).toBe(503);
            expect(Date.now() - began).toBeLessThan(6000);
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
