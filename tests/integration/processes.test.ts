// Several web servers behind one name, one of which dies; and what the auth server would do to a crowd if each person did
// not arrive with an address of their own: the other side of the 400 people in web/session.test.ts.
import { randomUUID } from 'node:crypto';
import { hash } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../support/app.ts';
import { admin, aBusiness, anAddress, type Business } from '../support/business.ts';
import { freePort } from '../support/port.ts';
import { startProduct, type Product } from '../support/product.ts';
import { aVisitor, signedIn, type Visitor } from '../support/visitor.ts';

let product: Product;
let business: Business;

beforeAll(async () => {
    product = await startProduct({ servers: 2 });
    business = await aBusiness();
});
afterAll(() => product.stop());

/** One more web server behind the same name. */
async function anotherServer(env: Record<string, string> = {}): Promise<RunningApp & { address: string }> {
    const port = await freePort();
    const app = await startApp(product.info, port, { origin: product.origin, env });
    return { ...app, address: `http://127.0.0.1:${port}` };
}

const session = (visitor: Visitor): Record<string, unknown> => {
    const cookie = visitor.cookies.get('__Host-tf') ?? '';
    return JSON.parse(Buffer.from(cookie.slice('base64-'.length), 'base64url').toString()) as Record<
        string,
        unknown
    >;
};

/** Says in the cookie that the session is near its end, so that the next request refreshes it. */
function nearItsEnd(visitor: Visitor): void {
    const text = JSON.stringify({ ...session(visitor), expires_at: Math.floor(Date.now() / 1000) + 20 });
    visitor.cookies.set('__Host-tf', `base64-${Buffer.from(text).toString('base64url')}`);
}

/** The same browser's next tab, which goes to another server. */
function tabOf(visitor: Visitor, address: string): Visitor {
    const tab = aVisitor(address, product.origin);
    for (const [name, value] of visitor.cookies) tab.cookies.set(name, value);
    return tab;
}

const opens = async (visitor: Visitor): Promise<number> => (await visitor.get('/jobs')).status;

describe('[AUTH-5] a session', () => {
    it('outlives a web server that is killed with SIGKILL while it refreshes it', async () => {
        const doomed = await anotherServer();
        const [other = ''] = product.addresses;
        const visitor = await signedIn(business.owner, doomed.address, product.origin);
        expect(await opens(visitor)).toBe(200);

        nearItsEnd(visitor);
        const lost = Promise.allSettled(
            Array.from({ length: 20 }, () => opens(tabOf(visitor, doomed.address)))
        );
        await new Promise((resolve) => setTimeout(resolve, 15));
        await doomed.kill();
        expect((await lost).some(({ status }) => status === 'rejected')).toBe(true);

        const next = tabOf(visitor, other);
        expect(await opens(next), 'at a server that was there').toBe(200);
        const fresh = await anotherServer();
        try {
            expect(await opens(tabOf(next, fresh.address)), 'at one that was not').toBe(200);
        } finally {
            await fresh.stop();
        }
    });

    it('outlives refreshes that race each other at two web servers, time and again', async () => {
        let visitor = await signedIn(business.owner, product.origin, product.origin);
        const before = session(visitor).refresh_token;
        for (let round = 0; round < 8; round += 1) {
            nearItsEnd(visitor);
            const tabs = Array.from({ length: 6 }, (_, index) =>
                tabOf(visitor, product.addresses[index % 2] ?? '')
            );
            expect(await Promise.all(tabs.map(opens)), `round ${round}`).toEqual(Array(6).fill(200));
            const tokens = new Set(tabs.map((tab) => session(tab).refresh_token));
            expect(tokens.size, 'every tab ends with the same token').toBe(1);
            visitor = tabs[round % 6] ?? visitor;
        }
        expect(session(visitor).refresh_token).not.toBe(before);
    });
});

describe('the auth server’s limit of an address', () => {
    const people = 60;
    const password = `correct horse ${randomUUID()}`;
    let emails: string[];

    beforeAll(async () => {
        const password_hash = await hash(password, 4);
        const { auth } = admin();
        emails = Array.from({ length: people }, () => `crowd-${randomUUID()}@example.test`);
        for (const email of emails) {
            const { error } = await auth.admin.createUser({ email, password_hash, email_confirm: true });
            if (error) throw error;
        }
    });

    /** How many got in, and how many were told to wait, when all of them come at once. */
    async function outcomes(enter: (email: string) => Promise<Response>): Promise<[number, number]> {
        const answers = await Promise.all(emails.map(async (email) => (await enter(email)).status));
        return [
            answers.filter((status) => status === 200 || status === 303).length,
            answers.filter((status) => status === 429).length
        ];
    }

    const byPage = (email: string, base: string, address?: string): Promise<Response> =>
        aVisitor(base, product.origin).post(
            '/sign-in/password',
            { email, password },
            address === undefined ? {} : { 'x-forwarded-for': address }
        );

    it('is met by nobody who comes through the gate from an address of their own', async () => {
        const [entered, refused] = await outcomes((email) => byPage(email, product.origin));
        expect([entered, refused]).toEqual([people, 0]);
    });

    it('is met at its own open door, where all have the web server’s address', async () => {
        const [entered, refused] = await outcomes((email) =>
            fetch(`${product.info.apiUrl}/auth/v1/token?grant_type=password`, {
                method: 'POST',
                headers: {
                    apikey: product.info.publishableKey,
                    'content-type': 'application/json',
                    // Nobody without the secret key is believed about an address.
                    'sb-forwarded-for': anAddress(),
                    'x-forwarded-for': anAddress()
                },
                body: JSON.stringify({ email, password })
            })
        );
        expect(entered).toBeGreaterThanOrEqual(30);
        expect(refused).toBeGreaterThanOrEqual(15);
        expect(entered + refused).toBe(people);
    });

    it('is not what a crowd that shares one address meets, but ours before it, with a sentence, while others come and go', async () => {
        const shared = anAddress();
        const [entered, refused] = await outcomes((email) => byPage(email, product.origin, shared));
        expect([entered, refused]).toEqual([10, people - 10]);
        const [first = ''] = emails;
        const told = await byPage(first, product.origin, shared);
        expect([told.status, await told.text()]).toEqual([
            429,
            expect.stringContaining('Too many tries in a short time.')
        ]);
        expect((await byPage(first, product.origin)).status, 'from elsewhere').toBe(303);
    });

    it('[RATE-4] is met sooner, whatever address people claim, at a server that trusts no proxy', async () => {
        const open = await anotherServer({ TRUSTED_PROXIES: '' });
        try {
            const [entered, refused] = await outcomes((email) => byPage(email, open.address, anAddress()));
            // Ten pass ours; the auth server's own, which the open door above has used up, may stop some of those.
            expect(entered).toBeLessThanOrEqual(10);
            expect(entered + refused).toBe(people);
        } finally {
            await open.stop();
        }
    });
});
