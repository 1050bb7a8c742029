// A customer pays: on Stripe's page, on the trader's own account, what is owed, once.
import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CARDS, payAt } from '../../contract/stripe_stand_in.ts';
import { A_LINE, aBusiness, call, superuser } from '../../support/business.ts';
import {
    aBusinessThatTakesCards,
    aPaidInvoice,
    aStackBehindADoor,
    checkoutPage,
    delivered,
    lever,
    moneyState,
    onboard,
    paidOnce,
    receiveByBank,
    sessionIn,
    stripe,
    tapPay,
    type CardBusiness
} from '../../support/payments.ts';
import type { OwnStack } from '../../support/stack.ts';
import type { StripeDoor } from '../../support/stripe_door.ts';

let own: OwnStack;
let door: StripeDoor;
let sql: Sql;
let business: CardBusiness;

beforeAll(async () => {
    ({ own, door } = await aStackBehindADoor());
    sql = superuser();
    business = await aBusinessThatTakesCards('Bell Lane Electrical');
});
afterAll(async () => {
    await sql?.end();
    await own?.stopAndForget();
    await door?.close();
});

type Request = { method: string; path: string; stripe_account: string | null; status: number };

/** What Stripe was asked since a moment that {@link requestsSoFar} marks. */
async function requests(from = 0): Promise<Request[]> {
    const { requests } = await lever<{ requests: Request[] }>('GET', '/requests?limit=10000');
    return requests.slice(from);
}
/** What it was asked to do; a look at an earlier payment may come at any time. */
const orders = async (from: number) => (await requests(from)).filter(({ method }) => method !== 'GET');
const requestsSoFar = async (): Promise<number> => (await requests()).length;

const onAccount = () => ({ stripeAccount: business.stripeAccount });

async function anOpenInvoice(unitPence = A_LINE.unit_pence) {
    const invoice = await business.anInvoice([{ ...A_LINE, unit_pence: unitPence }]);
    return { ...invoice, token: await business.aLink(invoice.invoiceId) };
}

describe('the money', () => {
    it('[PAY-3] goes to the trader’s connected account: session and charge are made there, none on the platform', async () => {
        const from = await requestsSoFar();
        const { invoiceId, token, totalPence } = await anOpenInvoice();
        const page = await checkoutPage(token);
        expect((await payAt(page, CARDS.pays)).status).toBe(303);
        await delivered();
        expect(await moneyState(sql, invoiceId)).toEqual(paidOnce(totalPence));

        const asked = await requests(from);
        expect(await orders(from)).toEqual([
            expect.objectContaining({
                path: '/v1/checkout/sessions',
                stripe_account: business.stripeAccount,
                status: 200
            })
        ]);
        expect(
            asked.filter(
                ({ path, stripe_account }) => stripe_account === null && !path.startsWith('/v1/accounts')
            ),
            'calls on the platform’s own account'
        ).toEqual([]);

        const session = await stripe().checkout.sessions.retrieve(sessionIn(page), {}, onAccount());
        expect(session).toMatchObject({
            amount_total: totalPence,
            currency: 'gbp',
            mode: 'payment',
            status: 'complete',
            metadata: { account_id: business.accountId, invoice_id: invoiceId }
        });
        const { data: charges } = await stripe().charges.list(
            { payment_intent: String(session.payment_intent) },
            onAccount()
        );
        expect(charges).toMatchObject([
            {
                amount: totalPence,
                currency: 'gbp',
                application_fee_amount: null,
                transfer_data: null,
                on_behalf_of: null
            }
        ]);
        expect((await stripe().charges.list()).data, 'charges on the platform').toEqual([]);
        expect((await stripe().checkout.sessions.list()).data, 'sessions on the platform').toEqual([]);
        expect((await stripe().paymentIntents.list()).data, 'payment intents on the platform').toEqual([]);
    });

    it.each([[30], [101], [33_333], [99_999_999]])(
        '[PAY-3] [PAY-5] asked for is what is owed, to the penny: a net of %i pence',
        async (net) => {
            const { token, totalPence } = await anOpenInvoice(net);
            expect(totalPence).toBe(net + Math.round(net / 5));
            const { status, url, code } = await tapPay(token);
            if (url === undefined) {
                // Stripe takes 30 p to £999,999.99; what lies beyond is told to the customer, not lost.
                expect([status, code, totalPence > 99_999_999]).toEqual([
                    409,
                    'amount_not_payable_by_card',
                    true
                ]);
                return;
            }
            const session = await stripe().checkout.sessions.retrieve(sessionIn(url), {}, onAccount());
            expect(session.amount_total).toBe(totalPence);
        }
    );

    it('[PAY-3] that is left to pay after a part came in another way is what the page asks for', async () => {
        const { invoiceId, token, totalPence } = await anOpenInvoice();
        await receiveByBank(sql, invoiceId, 10_000);
        const page = await checkoutPage(token);
        const session = await stripe().checkout.sessions.retrieve(sessionIn(page), {}, onAccount());
        expect(session.amount_total).toBe(totalPence - 10_000);
        await payAt(page, CARDS.pays);
        await delivered();
        expect(await moneyState(sql, invoiceId)).toMatchObject({ invoice: 'paid', paid_pence: totalPence });
    });

    it('[PAY-3] [ISO-6] that came in on another business’s account pays no invoice here, whatever it says it is for', async () => {
        const other = await aBusinessThatTakesCards('Finch Plumbing');
        const mine = await anOpenInvoice();
        await stripe().paymentIntents.create(
            {
                amount: mine.totalPence,
                currency: 'gbp',
                confirm: true,
                payment_method: 'pm_card_visa',
                automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
                metadata: { account_id: business.accountId, invoice_id: mine.invoiceId }
            },
            { stripeAccount: other.stripeAccount }
        );
        await delivered();
        expect(await moneyState(sql, mine.invoiceId)).toMatchObject({
            invoice: 'issued',
            payments: [],
            receipts: 0
        });
    });
});

describe('the amount', () => {
    it('[PAY-3] can’t be chosen by who pays: not at our door, not on Stripe’s page', async () => {
        const { invoiceId, token, totalPence } = await anOpenInvoice();
        for (const extra of [{ amount: 1 }, { amount_pence: 1 }, { currency: 'jpy' }, { quantity: 0 }]) {
            const { status, code } = await tapPay(token, {}, extra);
            expect([status, code], JSON.stringify(extra)).toEqual([422, 'validation_failed']);
        }
        const page = await checkoutPage(token);
        await payAt(page, CARDS.pays, { amount: '1', amount_total: '1', quantity: '0' });
        await delivered();
        expect(await moneyState(sql, invoiceId)).toEqual(paidOnce(totalPence));
    });
});

describe('a tap on Pay', () => {
    it('[PAY-3] ten times at once opens one page, and later ones come back to it', async () => {
        const from = await requestsSoFar();
        const { invoiceId, token } = await anOpenInvoice();
        const taps = await Promise.all(Array.from({ length: 10 }, () => tapPay(token)));
        expect(taps.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
        expect(new Set([...taps.map(({ url }) => url), await checkoutPage(token)]).size).toBe(1);
        const { data } = await stripe().checkout.sessions.list({ limit: 100 }, onAccount());
        expect(data.filter(({ metadata }) => metadata?.invoice_id === invoiceId)).toHaveLength(1);
        expect(await moneyState(sql, invoiceId)).toMatchObject({ checkouts: ['open'] });
        expect((await requests(from)).every(({ stripe_account }) => stripe_account !== null)).toBe(true);
    });

    it('[PAY-3] by two people with a link each opens one page', async () => {
        const { invoiceId, token } = await anOpenInvoice();
        const sent = await sendTo('books@example.test', invoiceId);
        const pages = await Promise.all([token, sent].map((link) => checkoutPage(link)));
        expect(new Set(pages).size).toBe(1);
    });

    it('[PAY-3] whose answer got lost leaves the one page to whoever taps next, by whichever link', async () => {
        const { invoiceId, token } = await anOpenInvoice();
        const sent = await sendTo('accounts@example.test', invoiceId);
        const mend = door.cutAnswers(/^POST \/v1\/checkout\/sessions$/);
        expect(await tapPay(token)).toMatchObject({ status: 503, code: 'stripe_unavailable' });
        mend();
        const page = await checkoutPage(sent);
        const { data } = await stripe().checkout.sessions.list({ limit: 100 }, onAccount());
        const made = data.filter(({ metadata }) => metadata?.invoice_id === invoiceId).map(({ id }) => id);
        expect(made).toEqual([sessionIn(page)]);
    });

    it('[PAY-3] without the web tier’s word for who taps opens nothing', async () => {
        const { token } = await anOpenInvoice();
        const from = await requestsSoFar();
        const response = await fetch(`${own.info.apiUrl}/functions/v1/checkout`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ token })
        });
        expect(response.status).toBe(401);
        expect(await orders(from)).toEqual([]);
    });

    it('[PAY-3] while Stripe is out of reach says so, and opens one page afterwards', async () => {
        const { token } = await anOpenInvoice();
        const mend = door.cut();
        expect(await tapPay(token)).toMatchObject({ status: 503, code: 'stripe_unavailable' });
        mend();
        expect((await tapPay(token)).status).toBe(200);
    });
});

describe('a link', () => {
    it('[PAY-3] to an invoice that is paid opens no page: there is nothing to pay', async () => {
        const { token } = await aPaidInvoice(business);
        await delivered();
        const from = await requestsSoFar();
        expect(await tapPay(token)).toMatchObject({ status: 409, code: 'nothing_to_pay' });
        expect(await orders(from)).toEqual([]);
    });

    it('[PAY-3] that was revoked, has expired or was made up opens no page', async () => {
        const revoked = await anOpenInvoice();
        await call(business.owner.db, 'revoke_portal_links', {
            account_id: business.accountId,
            invoice_id: revoked.invoiceId
        });
        const expired = await anOpenInvoice();
        await sql`update public.portal_links set expires_at = now() - interval '1 second' where invoice_id = ${expired.invoiceId}`;
        const from = await requestsSoFar();
        const madeUp = 'A'.repeat(43);
        for (const token of [revoked.token, expired.token, madeUp, `${expired.token}x`])
            expect(await tapPay(token)).toMatchObject({ status: 404, code: 'link_not_valid' });
        expect(await orders(from)).toEqual([]);
    });

    it('[PAY-3] that is revoked while a page is open keeps the next tap out', async () => {
        const { invoiceId, token } = await anOpenInvoice();
        await checkoutPage(token);
        await call(business.owner.db, 'revoke_portal_links', {
            account_id: business.accountId,
            invoice_id: invoiceId
        });
        expect(await tapPay(token)).toMatchObject({ status: 404, code: 'link_not_valid' });
    });

    it('[PAY-3] [ISO-6] of one business never opens another’s page, nor pays into another’s account', async () => {
        const other = await aBusinessThatTakesCards('Finch Plumbing');
        const theirs = await other.anInvoice();
        const theirLink = await other.aLink(theirs.invoiceId);
        const mine = await anOpenInvoice();
        const pages = { mine: await checkoutPage(mine.token), theirs: await checkoutPage(theirLink) };
        const on = (account: string, page: string) =>
            stripe().checkout.sessions.retrieve(sessionIn(page), {}, { stripeAccount: account });
        expect((await on(business.stripeAccount, pages.mine)).metadata?.invoice_id).toBe(mine.invoiceId);
        expect((await on(other.stripeAccount, pages.theirs)).metadata?.invoice_id).toBe(theirs.invoiceId);
        await expect(on(business.stripeAccount, pages.theirs)).rejects.toThrow(/No such/);
        await payAt(pages.theirs, CARDS.pays);
        await delivered();
        expect(await moneyState(sql, theirs.invoiceId)).toEqual(paidOnce(theirs.totalPence));
        expect(await moneyState(sql, mine.invoiceId)).toMatchObject({ invoice: 'issued', payments: [] });
    });

    it('[PAY-3] of a business that Stripe lets take no cards yet opens no page, and opens one once it may', async () => {
        const bare = await aBusiness();
        const { invoiceId } = await bare.anInvoice();
        const token = await bare.aLink(invoiceId);
        const notYet = { status: 409, code: 'payments_not_set_up' };
        expect(await tapPay(token), 'never connected').toMatchObject(notYet);
        await onboard(bare, 'unfinished');
        expect(await tapPay(token), 'left in the middle').toMatchObject(notYet);
        await onboard(bare, 'complete');
        expect((await tapPay(token)).status).toBe(200);
    });
});

/** The token of the private link in an invoice that was e-mailed to this address. */
async function sendTo(address: string, invoiceId: string): Promise<string> {
    await call(business.owner.db, 'send_invoice', {
        account_id: business.accountId,
        invoice_id: invoiceId,
        to_address: address,
        message: null,
        idempotency_key: randomUUID()
    });
    const answer = await fetch(`${own.info.inboxUrl}/api/messages/wait?to=${encodeURIComponent(address)}`);
    const [, token] = /\/p\/([\w-]{43})/.exec(await answer.text()) ?? [];
    if (token === undefined) throw new Error(`No private link was mailed to ${address}.`);
    return token;
}
