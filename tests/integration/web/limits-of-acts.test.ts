// The limits of what people do once they are in, and of customers' links: what they see of them, and that nobody has more by
// asking all at once, by asking the Data API itself, or by standing behind somebody else's address.
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, anAddress, superuser, type Business } from '../../support/business.ts';
import { aVisitor, signedIn } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();

afterAll(() => sql.end());

const newAddress = (): string => `new-${randomBytes(5).toString('hex')}@example.test`;
const words = (page: string): string => page.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
const count = (said: readonly unknown[], one: unknown): number => said.filter((it) => it === one).length;

/** Takes all but so many of a limit, as if it had just been done. */
const leave = (left: number, limit: string, key: string) => sql`
    insert into private.limit_takes (key_hash, limit_name, taken, forget_at)
    select k.key_hash, l.name, array_fill(now(), array[l.quota - ${left}::integer]), now() + l.period
    from private.limits as l
    cross join private.limit_keys(${sql.json([{ limit, key }])}) as k
    where l.name = ${limit}
    on conflict (key_hash) do update set taken = excluded.taken, refused_until = null`;

describe('invitations', () => {
    let business: Business;
    let staff: string;
    const inviting = () => ({
        account_id: business.accountId,
        email: newAddress(),
        role_id: staff,
        idempotency_key: randomUUID()
    });

    beforeAll(async () => {
        business = await aBusiness({ name: 'Bell Lane Electrical' });
        staff = await business.roleId('staff');
    });

    it('[RATE-3] are twenty a day for a business, however many ask at once, at the Data API itself', async () => {
        const said = await Promise.all(
            Array.from(
                { length: 40 },
                async () => (await business.owner.db.rpc('invite_member', inviting())).error
            )
        );
        expect(count(said, null)).toBe(20);
        for (const error of said.filter((one) => one !== null)) {
            expect(error.hint).toBe('too_many_invitations');
            expect(JSON.parse(error.details)).toEqual({
                'RateLimit-Policy': '"invitation_account";q=20;w=86400',
                RateLimit: expect.stringMatching(/^"invitation_account";r=0;t=86\d\d\d$/) as unknown,
                'Retry-After': expect.stringMatching(/^86\d\d\d$/) as unknown
            });
        }
        const [sent] = await sql<{ mails: number; rows: number }[]>`
            select
                (select count(*)::integer from mail.outbox where account_id = ${business.accountId} and template = 'invitation') as mails,
                (select count(*)::integer from public.invitations where account_id = ${business.accountId}) as rows`;
        expect(sent).toEqual({ mails: 20, rows: 20 });
    });

    it('[RATE-3] that are too many are refused in the form, with the time, and what was typed is kept', async () => {
        const owner = await signedIn(business.owner, app);
        const typed = inviting();
        const refused = await owner.post('/more/team/invite', typed);
        expect(refused.status).toBe(429);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(86_000);
        expect(refused.headers.get('ratelimit-policy')).toBe('"invitation_account";q=20;w=86400');
        expect(refused.headers.get('ratelimit')).toMatch(/^"invitation_account";r=0;t=86\d\d\d$/);
        const page = await refused.text();
        expect(words(page)).toContain(
            'as many invitations as can go out in a day. Send the next one in 24 hours.'
        );
        expect(page).toContain(`value="${typed.email}"`);
    });

    it('[RATE-3] count when they are sent again, and leave another business its own', async () => {
        const [open] = await sql<{ id: string }[]>`
            select id from public.invitations where account_id = ${business.accountId} limit 1`;
        const again = await business.owner.db.rpc('resend_invitation', {
            account_id: business.accountId,
            invitation_id: open?.id,
            idempotency_key: randomUUID()
        });
        expect(again.status).toBe(429);
        expect(again.error?.hint).toBe('too_many_invitations');
        const other = await aBusiness();
        await other.anInvitation(newAddress());
    });
});

describe('what an edge function asks of others', () => {
    it('[RATE-3] is counted before it asks, and refused with the headers', async () => {
        const business = await aBusiness();
        const [domain] = await sql<{ id: string }[]>`
            insert into public.domains (account_id, domain, role_id)
            select account_id, ${`${randomBytes(5).toString('hex')}.example`}, id
            from public.roles where account_id = ${business.accountId} and key = 'staff'
            returning id`;
        const owner = await signedIn(business.owner, app);
        const check = () =>
            owner.post(`/more/team/domains/${domain?.id ?? ''}?/check`, { account_id: business.accountId });
        await leave(1, 'domain_check', business.accountId);
        expect((await check()).status).toBe(303);
        const refused = await check();
        expect(refused.status).toBe(429);
        expect(refused.headers.get('ratelimit-policy')).toBe('"domain_check";q=30;w=3600');
        expect(refused.headers.get('retry-after')).toMatch(/^3[56]\d\d$/);
        expect(words(await refused.text())).toContain(
            'Too many tries in a short time. Try again in 60 minutes.'
        );
    });
});

describe('a customer’s link', () => {
    const aGuess = (): string => randomBytes(32).toString('base64url');
    let token: string;
    let reference: string;

    beforeAll(async () => {
        const business = await aBusiness({ name: 'Bell Lane Electrical' });
        const invoice = await business.anInvoice();
        reference = invoice.reference;
        token = await business.aLink(invoice.invoiceId);
    });

    /** Opens a link as a browser does that knows nothing of it; answers where that led, or the page. */
    const open = async (link: string, address: string, visitor = aVisitor(app)): Promise<Response> => {
        const from = { 'x-forwarded-for': address };
        await visitor.get(`/p/${link}`, from);
        return visitor.get('/portal/invoice', from);
    };

    it('[RATE-3] is guessed at thirty times from one address and no more, however many guess at once', async () => {
        const address = anAddress();
        const statuses = (await Promise.all(Array.from({ length: 60 }, () => open(aGuess(), address)))).map(
            ({ status }) => status
        );
        expect(count(statuses, 303), 'looked at, and none of ours').toBe(30);
        expect(count(statuses, 429)).toBe(30);

        const refused = await open(token, address);
        expect(refused.status).toBe(429);
        expect(refused.headers.get('retry-after')).toMatch(/^(300|2\d\d)$/);
        expect(refused.headers.get('ratelimit-policy')).toBe('"link_address";q=30;w=300');
        expect(words(await refused.text())).toContain(
            'Yours may be fine: try it again in 5 minutes, or on another network'
        );
        expect((await open(token, anAddress())).status, 'at another address').toBe(200);
    });

    it('[RATE-3] that opens is not counted, and stays open in a browser that opened it before', async () => {
        const address = anAddress();
        const customer = aVisitor(app);
        for (let n = 0; n < 35; n += 1) expect((await open(token, address, aVisitor(app))).status).toBe(200);
        expect(await (await open(token, address, customer)).text()).toContain(reference);
        await leave(0, 'link_address', address);
        expect((await open(token, address, aVisitor(app))).status, 'a stranger').toBe(429);
        expect((await open(token, address, customer)).status, 'by the link once more').toBe(200);
        const pdf = await customer.get('/portal/invoice.pdf', { 'x-forwarded-for': address });
        expect(pdf.status, 'and its file').toBe(302);
        const pay = await customer.post('/portal/invoice?/pay', {}, { 'x-forwarded-for': address });
        expect(pay.status, 'whose business takes no cards').toBe(409);
    });

    it('[RATE-3] is counted by the address that the trusted proxy wrote, for invitations too', async () => {
        const real = anAddress();
        await leave(0, 'link_address', real);
        const claimed = `${anAddress()}, ${real}`;
        expect((await open(token, claimed)).status).toBe(429);
        const guest = aVisitor(app);
        await guest.get(`/join/${aGuess()}`, { 'x-forwarded-for': claimed });
        const refused = await guest.get('/join', { 'x-forwarded-for': claimed });
        expect(refused.status).toBe(429);
        expect(refused.headers.get('retry-after')).not.toBeNull();
    });
});
