// Money given back in Stripe's dashboard: what we show follows.
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CARDS, payAt } from '../../contract/stripe_stand_in.ts';
import { call, superuser } from '../../support/business.ts';
import {
    aBusinessThatTakesCards,
    aPaidInvoice,
    aStackOfOurOwn,
    checkoutPage,
    delivered,
    moneyState,
    paidOnce,
    stripe,
    tapPay,
    type CardBusiness,
    type Paid
} from '../../support/payments.ts';
import type { OwnStack } from '../../support/stack.ts';

let own: OwnStack;
let sql: Sql;
let business: CardBusiness;

beforeAll(async () => {
    own = await aStackOfOurOwn();
    sql = superuser();
    business = await aBusinessThatTakesCards();
});
afterAll(async () => {
    await sql?.end();
    await own?.stopAndForget();
});

async function aPaidAndKnownInvoice(): Promise<Paid> {
    const paid = await aPaidInvoice(business);
    await delivered();
    expect(await moneyState(sql, paid.invoiceId)).toEqual(paidOnce(paid.totalPence));
    return paid;
}

/** Gives money of the latest payment back, all that is left unless an amount is said. */
async function giveBack(amount?: number): Promise<void> {
    const onAccount = { stripeAccount: business.stripeAccount };
    const { data } = await stripe().paymentIntents.list({ limit: 1 }, onAccount);
    await stripe().refunds.create(
        { payment_intent: data[0]!.id, ...(amount === undefined ? {} : { amount }) },
        onAccount
    );
    await delivered();
}

type Shown = {
    invoice: { state: string; owed_pence: number };
    payments: { amount_pence: number; refunded_pence: number }[];
};

it('[PAY-5] a part given back leaves the invoice part paid, on the trader’s side and the customer’s', async () => {
    const { invoiceId, totalPence, token } = await aPaidAndKnownInvoice();
    await giveBack(1_500);
    await giveBack(2_500);
    expect(await moneyState(sql, invoiceId)).toEqual({
        ...paidOnce(totalPence),
        invoice: 'part_paid',
        paid_pence: totalPence - 4_000,
        job: 'invoiced',
        payments: [{ amount: totalPence, refunded: 4_000, state: 'part_refunded' }]
    });
    const { data } = await business.owner.db
        .from('payments')
        .select('refunded_pence')
        .eq('invoice_id', invoiceId);
    expect(data).toEqual([{ refunded_pence: 4_000 }]);
    const shown = await call<Shown>(business.owner.db, 'portal_invoice', { token });
    expect(shown.invoice).toMatchObject({ state: 'part_paid', owed_pence: 4_000 });
    expect(shown.payments).toMatchObject([{ amount_pence: totalPence, refunded_pence: 4_000 }]);
});

it('[PAY-5] all of it given back leaves the invoice owed, and the job not paid', async () => {
    const { invoiceId, totalPence } = await aPaidAndKnownInvoice();
    await giveBack();
    expect(await moneyState(sql, invoiceId)).toEqual({
        ...paidOnce(totalPence),
        invoice: 'issued',
        paid_pence: 0,
        job: 'invoiced',
        payments: [{ amount: totalPence, refunded: totalPence, state: 'refunded' }]
    });
});

it('[PAY-3] what was given back can be paid again, on a page of its own, and makes a payment of its own', async () => {
    const { invoiceId, totalPence, token } = await aPaidAndKnownInvoice();
    await giveBack(5_000);
    const page = await checkoutPage(token);
    expect((await payAt(page, CARDS.pays)).status).toBe(303);
    await delivered();
    expect(await moneyState(sql, invoiceId)).toEqual({
        ...paidOnce(totalPence),
        payments: [
            { amount: totalPence, refunded: 5_000, state: 'part_refunded' },
            { amount: 5_000, refunded: 0, state: 'succeeded' }
        ],
        receipts: 2,
        checkouts: ['complete', 'complete']
    });
    expect(await tapPay(token)).toMatchObject({ status: 409, code: 'nothing_to_pay' });
});

it('[AUD-1] the trail says that Stripe gave it back, how much, and when', async () => {
    const { invoiceId } = await aPaidAndKnownInvoice();
    const before = Date.now();
    await giveBack(1_500);
    const trail = await call<Record<string, unknown>[]>(business.owner.db, 'audit_trail', {
        account_id: business.accountId,
        entity: 'invoice',
        entity_id: invoiceId
    });
    const [last, one] = trail;
    expect([last, one].map((record) => record?.action).sort()).toEqual([
        'invoice.part_paid',
        'payment.part_refunded'
    ]);
    for (const record of [last, one]) {
        expect(record).toMatchObject({ actor_kind: 'webhook', actor_name: 'Stripe' });
        expect(Date.parse(String(record?.at))).toBeGreaterThan(before - 1000);
    }
    expect([last, one].find((record) => record?.action === 'payment.part_refunded')).toMatchObject({
        before: { refunded_pence: 0 },
        after: { refunded_pence: 1_500 }
    });
});
