// Does an answer of ours tell whether somebody has a login? Every form that takes an address is sent for one that nobody has
// and for people of every kind that the auth server knows, and what comes back is compared to the letter.
import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { aBusiness, admin, anAddress, superuser } from '../../support/business.ts';
import { codeFor, mailAbout } from '../../support/inbox.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
afterAll(() => sql.end());

const anEmail = (): string => `somebody-${randomUUID()}@example.test`;

type Kind = 'password' | 'no password' | 'unconfirmed' | 'blocked';

/** Somebody whom the auth server knows. */
async function known(kind: Kind): Promise<string> {
    const email = anEmail();
    const { data, error } = await admin().auth.admin.createUser({
        email,
        password: `correct-horse-${randomUUID()}`,
        email_confirm: kind !== 'unconfirmed',
        ...(kind === 'blocked' ? { ban_duration: '24h' } : {})
    });
    if (error) throw error;
    if (kind === 'no password')
        await sql`update auth.users set encrypted_password = null where id = ${data.user.id}`;
    return email;
}

const kinds: [string, () => Promise<string>][] = [
    ['somebody with a password', () => known('password')],
    ['somebody who comes by a provider and has none', () => known('no password')],
    ['somebody whose address is not confirmed', () => known('unconfirmed')],
    ['somebody who is blocked', () => known('blocked')]
];

/** Sends what a way sends, and answers with all of what it is told. */
type Way = (visitor: Visitor, email: string) => Promise<Response[]>;

const begun = async (visitor: Visitor, path: string, email: string): Promise<Response> =>
    visitor.post(path, { email });

const ways: [string, Way][] = [
    [
        'signing in with a password',
        async (visitor, email) => [
            await visitor.post('/sign-in/password', { email, password: 'a wrong guess' })
        ]
    ],
    [
        'asking for a code to sign in',
        async (visitor, email) => [
            await begun(visitor, '/sign-in', email),
            await visitor.get('/sign-in/code')
        ]
    ],
    [
        'signing up',
        async (visitor, email) => [
            await begun(visitor, '/sign-up', email),
            await visitor.get('/sign-in/code')
        ]
    ],
    [
        'asking for a new password',
        async (visitor, email) => [await begun(visitor, '/reset', email), await visitor.get('/sign-in/code')]
    ],
    [
        'asking for a code once more, at once',
        async (visitor, email) => [
            await begun(visitor, '/reset', email),
            await visitor.post('/sign-in/code?/again', {}),
            await visitor.get('/sign-in/code?again')
        ]
    ],
    [
        'entering a wrong code',
        async (visitor, email) => [
            await begun(visitor, '/reset', email),
            await visitor.post('/sign-in/code?/enter', { code: '12345x' }),
            await visitor.post('/sign-in/code?/enter', { code: '000000' })
        ]
    ]
];

/** All that somebody sees of answers: status, headers, cookies and body, but for what is their own each time. */
async function seen(answers: readonly Response[], email: string): Promise<string> {
    const told = await Promise.all(
        answers.map(async (answer) => ({
            status: answer.status,
            headers: [...answer.headers]
                .filter(
                    ([name]) =>
                        !['date', 'server-timing', 'x-request-id', 'set-cookie', 'etag'].includes(name)
                )
                // How many acts are left is one's own as well.
                .map(([name, value]) => `${name}: ${value.replace(/("act_\w+");r=\d+;t=\d+/g, '$1')}`),
            // What a cookie holds is the browser's own: a verifier drawn by lot, the address that was typed and when.
            cookies: answer.headers.getSetCookie().map((line) => line.replace(/=[^;]*/, '=')),
            body: await answer.text()
        }))
    );
    return JSON.stringify(told, null, 1)
        .replaceAll(email, '<login>')
        .replaceAll(encodeURIComponent(email), '<login>')
        .replace(/nonce(=\\"|-)[\w+/=-]+/g, 'nonce')
        .replace(/flow-[0-9a-f]{32}/g, 'flow')
        .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>');
}

describe.each(ways)('[RATE-2] %s', (_, way) => {
    it.each(kinds)('tells nobody from %s', async (__, make) => {
        const [email, nobody] = [await make(), anEmail()];
        const theirs = await seen(await way(aVisitor(app), email), email);
        const nobodys = await seen(await way(aVisitor(app), nobody), nobody);
        expect(theirs).toBe(nobodys);
        expect(theirs).toContain('"status"');
    });
});

describe('[RATE-2] an attempt at a login that nobody has', () => {
    // A coin's throw: four standard deviations either way. The benchmark "enumeration" looks closer.
    const TURNS = 30;
    const far = 4 * Math.sqrt(0.25 / TURNS);

    it('is as slow as one at a login that somebody has', async () => {
        const people = await Promise.all(Array.from({ length: TURNS }, () => known('password')));
        const took = async (email: string): Promise<number> => {
            const began = performance.now();
            await (
                await aVisitor(app).post('/sign-in/password', { email, password: 'a wrong guess' })
            ).arrayBuffer();
            return performance.now() - began;
        };
        await took(anEmail());
        let slower = 0;
        for (const [n, email] of people.entries()) {
            const first = await took(n % 2 === 0 ? email : anEmail());
            const second = await took(n % 2 === 0 ? anEmail() : email);
            if (n % 2 === 0 ? first > second : second > first) slower += 1;
        }
        expect(slower / TURNS).toBeGreaterThan(0.5 - far);
        expect(slower / TURNS).toBeLessThan(0.5 + far);
    }, 90_000);
});

describe('[RATE-2] asking for another address to sign in with', () => {
    const TURNS = 16;
    const ask = async (visitor: Visitor, email: string): Promise<[string, number]> => {
        const began = performance.now();
        // From another place each time: one has so many mails sent and no more.
        const answers = [
            await visitor.post('/more/security/address', { email }, { 'x-forwarded-for': anAddress() })
        ];
        const took = performance.now() - began;
        answers.push(await visitor.get('/more/security/address?asked'));
        return [await seen(answers, email), took];
    };

    it.each(kinds)('tells nobody’s from that of %s', async (_, make) => {
        const { owner } = await aBusiness();
        const visitor = await signedIn(owner, app);
        const [taken, free] = [await make(), anEmail()];
        const [theirs] = await ask(visitor, taken);
        const [nobodys] = await ask(visitor, free);
        expect(theirs).toBe(nobodys);
        expect(theirs).toContain('/more/security/address?asked');
        // One that is free is asked for by mail, and what was taken stays whose it was.
        expect((await mailAbout(free, 'Confirm your new address')).text).toContain(free);
        const [row] = await sql`select email, email_change from auth.users where id = ${owner.id}`;
        expect(row).toEqual({ email: owner.email, email_change: free });
    });

    it('takes as long for an address that somebody has as for one that nobody has', async () => {
        const { owner } = await aBusiness();
        const visitor = await signedIn(owner, app);
        let slower = 0;
        for (let n = 0; n < TURNS; n += 1) {
            const turn: [string, boolean][] = [
                [await known('password'), true],
                [anEmail(), false]
            ];
            const times = new Map<boolean, number>();
            for (const [email, isTaken] of n % 2 === 0 ? turn : turn.toReversed()) {
                times.set(isTaken, (await ask(visitor, email))[1]);
            }
            if ((times.get(true) ?? 0) > (times.get(false) ?? 0)) slower += 1;
        }
        expect(slower).toBeGreaterThan(0);
        expect(slower).toBeLessThan(TURNS);
    }, 60_000);
});

describe('[RATE-2] whoever is meant', () => {
    it('is told by mail: a new person by one that signs them up, nobody of a new password', async () => {
        const [email, nobody] = [await known('password'), anEmail()];
        await begun(aVisitor(app), '/reset', email);
        expect(await codeFor(email)).toMatch(/^\d{6}$/);
        await begun(aVisitor(app), '/reset', nobody);
        await begun(aVisitor(app), '/sign-up', nobody);
        expect(await codeFor(nobody)).toMatch(/^\d{6}$/);
        const sent = await sql`select template from mail.outbox where to_address = ${nobody}`;
        expect(sent.map(({ template }) => String(template))).toEqual(['confirm_sign_up']);
    });

    it('is Nobody’s when nobody has the login: an account that nobody can get into or have mails sent to', async () => {
        await aVisitor(app).post('/sign-in/password', { email: anEmail(), password: 'a wrong guess' });
        const nobodies = await sql<{ email: string }[]>`
            select email from auth.users where email like '%@nobody.invalid'`;
        expect(nobodies).toHaveLength(1);
        expect(nobodies[0]?.email).toMatch(/^nobody-[0-9a-f]{24}@nobody\.invalid$/);
        const mails = await sql`select 1 from mail.outbox where to_address like '%@nobody.invalid'`;
        expect(mails).toHaveLength(0);
    });
});
