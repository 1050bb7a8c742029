// What becomes of Stripe's page once it is open: paid, declined, out of date, paid too late.
import type { Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CARDS, payAt, submit } from '../../contract/stripe_stand_in.ts';
import { superuser } from '../../support/business.ts';
import {
    aBusinessThatTakesCards,
    aStackBehindADoor,
    checkoutPage,
    delivered,
    lever,
    moneyState,
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
    business = await aBusinessThatTakesCards();
});
afterEach(async () => {
    await lever('POST', '/release');
    await delivered();
});
afterAll(async () => {
    await sql?.end();
    await own?.stopAndForget();
    await door?.close();
});

const onAccount = () => ({ stripeAccount: business.stripeAccount });

async function anOpenInvoice() {
    const invoice = await business.anInvoice();
    return { ...invoice, token: await business.aLink(invoice.invoiceId) };
}

describe('a page that is no longer right', () => {
    it('[PAY-3] is closed at Stripe once another is opened, and can’t be paid beside it', async () => {
        const { invoiceId, token, totalPence } = await anOpenInvoice();
        const old = await checkoutPage(token);
        await receiveByBank(sql, invoiceId, 10_000);
        const right = await checkoutPage(token);
        expect(right).not.toBe(old);
        await payAt(old, CARDS.pays);
        await payAt(right, CARDS.pays);
        await delivered();
        expect(await moneyState(sql, invoiceId)).toMatchObject({
            invoice: 'paid',
            paid_pence: totalPence,
            payments: [{ amount: 10_000 }, { amount: totalPence - 10_000 }],
            checkouts: ['expired', 'complete']
        });
    });

    it('[PAY-3] and that Stripe would not close just now is closed by the next tap, before another is opened', async () => {
        const { invoiceId, token, totalPence } = await anOpenInvoice();
        const old = await checkoutPage(token);
        await receiveByBank(sql, invoiceId, 10_000);
        const mend = door.cut(/\/expire$/);
        expect(await tapPay(token)).toMatchObject({ status: 503, code: 'stripe_unavailable' });
        mend();
        const right = await checkoutPage(token);
        const session = await stripe().checkout.sessions.retrieve(sessionIn(old), {}, onAccount());
        expect(session.status, 'the old page can still be paid, beside the new one').toBe('expired');
        await payAt(old, CARDS.pays);
        await payAt(right, CARDS.pays);
        await delivered();
        expect(await moneyState(sql, invoiceId)).toMatchObject({ invoice: 'paid', paid_pence: totalPence });
    });

    it('[PAY-3] and was paid a moment ago keeps another from being opened until we have heard of it', async () => {
        const { invoiceId, token, totalPence } = await anOpenInvoice();
        const old = await checkoutPage(token);
        await lever('POST', '/hold');
        await payAt(old, CARDS.pays);
        await receiveByBank(sql, invoiceId, 10_000);
        for (let tap = 0; tap < 2; tap += 1)
            expect(await tapPay(token)).toMatchObject({ status: 409, code: 'checkout_changed' });
        await lever('POST', '/release');
        await delivered();
        // Both payments happened; both are shown, and the trader sees that there is something to give back.
        expect(await moneyState(sql, invoiceId)).toMatchObject({
            invoice: 'paid',
            paid_pence: totalPence + 10_000,
            payments: [{ amount: 10_000 }, { amount: totalPence }]
        });
        expect(await tapPay(token)).toMatchObject({ status: 409, code: 'nothing_to_pay' });
    });

    it('[PAY-3] because it was paid takes no second payment', async () => {
        const { invoiceId, token, totalPence } = await anOpenInvoice();
        const page = await checkoutPage(token);
        expect((await payAt(page, CARDS.pays)).status).toBe(303);
        await payAt(page, CARDS.pays);
        await delivered();
        await payAt(page, CARDS.pays);
        await delivered();
        expect(await moneyState(sql, invoiceId)).toEqual(paidOnce(totalPence));
    });
});

describe('a card', () => {
    it('[PAY-3] that is declined pays nothing, and another one on the same page pays once', async () => {
        const { invoiceId, token, totalPence } = await anOpenInvoice();
        const page = await checkoutPage(token);
        for (const card of [CARDS.declined, CARDS.noFunds]) {
            await payAt(page, card);
            await delivered();
            expect(await moneyState(sql, invoiceId)).toMatchObject({
                invoice: 'issued',
                payments: [],
                receipts: 0,
                checkouts: ['open']
            });
        }
        expect(await checkoutPage(token)).toBe(page);
        await payAt(page, CARDS.pays);
        await delivered();
        expect(await moneyState(sql, invoiceId)).toEqual(paidOnce(totalPence));
    });

    it('[PAY-3] whose bank asks pays only once the bank is answered', async () => {
        const { invoiceId, token, totalPence } = await anOpenInvoice();
        const { to } = await payAt(await checkoutPage(token), CARDS.challenged);
        await delivered();
        expect(await moneyState(sql, invoiceId)).toMatchObject({ invoice: 'issued', payments: [] });
        await submit(to!, { answer: 'approve' });
        await delivered();
        expect(await moneyState(sql, invoiceId)).toEqual(paidOnce(totalPence));
    });
});
