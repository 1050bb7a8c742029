// Stripe sends events at least once and in no order. Whatever comes how often and when, the end is the same.
import fc from 'fast-check';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { superuser } from '../../support/business.ts';
import {
    aBusinessThatTakesCards,
    aPaidInvoice,
    aStackBehindADoor,
    control,
    deliver,
    deliverTimes,
    eventsOf,
    lever,
    moneyState,
    paidOnce,
    stripe,
    type CardBusiness,
    type MoneyState,
    type Paid
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
    // From here on Stripe delivers what a test tells it to, and nothing by itself.
    await lever('POST', '/hold');
});
afterAll(async () => {
    await sql?.end();
    await own?.stopAndForget();
    await door?.close();
});

/** As if nothing of this payment had ever been heard: its events, leases, payment and receipt are gone. */
async function forget({ invoiceId }: Paid): Promise<void> {
    await sql.begin(async (tx) => {
        await tx`delete from billing.stripe_events where account = ${business.stripeAccount}`;
        await tx`delete from billing.stripe_leases where account = ${business.stripeAccount}`;
        await tx`delete from mail.outbox where subject_id = ${invoiceId}`;
        await tx`delete from public.payments where invoice_id = ${invoiceId}`;
        await tx`
            update billing.checkout_sessions set state = 'open', payment_intent = null
            where invoice_id = ${invoiceId}`;
    });
}

function permutations<T>(items: readonly T[]): T[][] {
    return items.length <= 1
        ? [[...items]]
        : items.flatMap((item, at) =>
              permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest])
          );
}

async function idsOf(paid: Paid): Promise<Map<string, string>> {
    return new Map((await eventsOf(business, paid.invoiceId)).map(({ id, type }) => [type, id]));
}

/** How often each thing happened to this invoice, by its audit trail. */
async function happenings(invoiceId: string): Promise<Record<string, number>> {
    const rows = await sql<{ action: string; times: number }[]>`
        select action, count(*)::integer as times from audit.records
        where subject_id = ${invoiceId} and action in ('payment.created', 'invoice.paid', 'checkout.complete')
        group by action`;
    return Object.fromEntries(rows.map(({ action, times }) => [action, times]));
}

async function receiptsInTheInbox(reference: string): Promise<number> {
    await control('/net/drain');
    const answer = await fetch(`${own.info.inboxUrl}/api/messages?limit=200`);
    const messages = (await answer.json()) as { subject: string }[] | { messages: { subject: string }[] };
    const list = Array.isArray(messages) ? messages : messages.messages;
    return list.filter(({ subject }) => /receipt|paid|payment/i.test(subject) && subject.includes(reference))
        .length;
}

describe('the same event', () => {
    it('[HOOK-2] delivered 20 times at once makes one payment, pays the invoice once and sends one receipt', async () => {
        const paid = await aPaidInvoice(business);
        const ids = await idsOf(paid);
        const statuses = await deliverTimes(ids.get('payment_intent.succeeded')!, 20);
        expect(statuses).toEqual(Array.from({ length: 20 }, () => 200));
        expect(await moneyState(sql, paid.invoiceId)).toEqual({
            ...paidOnce(paid.totalPence),
            checkouts: ['open']
        });
        const [kept] = await sql<{ times: number }[]>`
            select count(*)::integer as times from billing.stripe_events
            where id = ${ids.get('payment_intent.succeeded')!}`;
        expect(kept?.times, 'an event is stored once').toBe(1);
        expect(await happenings(paid.invoiceId)).toEqual({ 'payment.created': 1, 'invoice.paid': 1 });
        expect(await receiptsInTheInbox(paid.reference)).toBe(1);
    });

    it('[HOOK-2] and every other event of that payment, 20 times each and all at once, make no second one', async () => {
        const paid = await aPaidInvoice(business);
        const ids = [...(await idsOf(paid)).values()];
        const statuses = await Promise.all(ids.map((id) => deliverTimes(id, 20)));
        expect(statuses.flat()).toEqual(Array.from({ length: ids.length * 20 }, () => 200));
        // Who waited too long for another's lease has left the object to the sweeper.
        await deliver(...ids);
        expect(await moneyState(sql, paid.invoiceId)).toEqual(paidOnce(paid.totalPence));
        expect(await happenings(paid.invoiceId)).toEqual({
            'payment.created': 1,
            'invoice.paid': 1,
            'checkout.complete': 1
        });
        expect(await receiptsInTheInbox(paid.reference)).toBe(1);
    });
});

describe('the events of one payment', () => {
    it('[HOOK-2] in each order they can come in, each of them again later, end in the same state', async () => {
        const paid = await aPaidInvoice(business);
        const ids = await idsOf(paid);
        const kinds = [
            'payment_intent.created',
            'charge.succeeded',
            'payment_intent.succeeded',
            'checkout.session.completed'
        ];
        expect(kinds.filter((kind) => !ids.has(kind))).toEqual([]);
        const ends = new Map<string, MoneyState>();
        for (const order of permutations(kinds)) {
            await forget(paid);
            await deliver(...[...order, ...order.toReversed()].map((kind) => ids.get(kind)!));
            ends.set(order.join(' → '), await moneyState(sql, paid.invoiceId));
        }
        expect(ends.size).toBe(24);
        const others = [...ends].filter(
            ([, end]) => JSON.stringify(end) !== JSON.stringify(ends.values().next().value)
        );
        expect(others).toEqual([]);
        expect(ends.values().next().value).toEqual(paidOnce(paid.totalPence));
    });

    it('[HOOK-2] shuffled, repeated, some late and with refunds made in between, end as Stripe holds it', async () => {
        await fc.assert(
            fc.asyncProperty(
                fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 3 }),
                fc.infiniteStream(fc.nat()),
                async (refunds, chance) => {
                    const draw = () => chance.next().value as number;
                    const paid = await aPaidInvoice(business);
                    const { data } = await stripe().paymentIntents.list(
                        { limit: 1 },
                        { stripeAccount: business.stripeAccount }
                    );
                    const intent = data[0]!.id;
                    for (const amount of refunds) {
                        const known = [...(await idsOf(paid)).values()];
                        await deliver(...known.filter(() => draw() % 3 === 0));
                        await stripe().refunds.create(
                            { payment_intent: intent, amount },
                            { stripeAccount: business.stripeAccount }
                        );
                    }
                    const events = (await eventsOf(business, paid.invoiceId)).map(({ id }) => id);
                    const shuffled = [...events, ...events.filter(() => draw() % 2 === 0)]
                        .map((id) => ({ id, place: draw() }))
                        .sort((a, b) => a.place - b.place)
                        .map(({ id }) => id);
                    await deliver(...shuffled);
                    const refunded = refunds.reduce((sum, amount) => sum + amount, 0);
                    expect(await moneyState(sql, paid.invoiceId)).toEqual({
                        ...paidOnce(paid.totalPence),
                        invoice: 'part_paid',
                        job: 'invoiced',
                        paid_pence: paid.totalPence - refunded,
                        payments: [{ amount: paid.totalPence, refunded, state: 'part_refunded' }]
                    });
                }
            ),
            { numRuns: 6 }
        );
    });

    it('[HOOK-2] a worker that asked Stripe before a refund and comes back after it does not undo the refund', async () => {
        const paid = await aPaidInvoice(business);
        const ids = await idsOf(paid);
        const late = door.keepBack(/^GET \/v1\/payment_intents\//);
        const slow = deliver(ids.get('payment_intent.succeeded')!);
        await late.reached;
        // The slow worker's lease runs out while it waits for Stripe's answer, which tells of no refund.
        const [lease] = await sql<{ object_id: string }[]>`
            update billing.stripe_leases set lease_until = now() - interval '1 second'
            where lease_until > now() and account = ${business.stripeAccount}
            returning object_id`;
        await stripe().refunds.create(
            { payment_intent: lease!.object_id, amount: 4_000 },
            { stripeAccount: business.stripeAccount }
        );
        const refund = (await eventsOf(business, paid.invoiceId)).find(
            ({ type }) => type === 'charge.refunded'
        )!;
        expect(await deliver(refund.id)).toEqual([200]);
        const after = await moneyState(sql, paid.invoiceId);
        expect(after.payments).toEqual([
            { amount: paid.totalPence, refunded: 4_000, state: 'part_refunded' }
        ]);
        late.letGo();
        expect(await slow).toEqual([200]);
        expect(await moneyState(sql, paid.invoiceId), 'the fence of the slow worker was not checked').toEqual(
            after
        );
    });
});
