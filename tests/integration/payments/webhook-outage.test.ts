// Whatever of ours or Stripe's is down when a webhook comes: what was acknowledged is never lost, and what could not be
// kept is not acknowledged.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { superuser } from '../../support/business.ts';
import {
    aBusinessThatTakesCards,
    aMinuteLater,
    aPaidInvoice,
    aStackBehindADoor,
    deliver,
    delivered,
    eventsOf,
    lever,
    moneyState,
    paidOnce,
    postWebhook,
    type CardBusiness,
    type Paid
} from '../../support/payments.ts';
import type { OwnStack } from '../../support/stack.ts';
import type { StripeDoor } from '../../support/stripe_door.ts';

let own: OwnStack;
let door: StripeDoor;
let sql: Sql;
let business: CardBusiness;
let paid: Paid;

beforeAll(async () => {
    ({ own, door } = await aStackBehindADoor());
    sql = superuser();
    business = await aBusinessThatTakesCards();
});
afterAll(async () => {
    await sql?.end();
    await own?.stopAndForget();
    await door?.close();
});
afterEach(async () => {
    await lever('POST', '/release');
    // What was due by a clock that has been moved back since is due now.
    await lever('POST', '/retry');
    await delivered();
});

/** A payment that Stripe has taken and that we have not heard of. */
async function anUnheardPayment(): Promise<Paid> {
    await lever('POST', '/hold');
    paid = await aPaidInvoice(business);
    expect(await moneyState(sql, paid.invoiceId)).toMatchObject({ invoice: 'issued', payments: [] });
    return paid;
}

async function eventOf(type: string): Promise<string> {
    return (await eventsOf(business, paid.invoiceId)).find((event) => event.type === type)!.id;
}

type Delivery = { event: string; state: string; attempts: { status: number | null }[] };

async function attemptsAt(event: string): Promise<(number | null)[]> {
    const { deliveries } = await lever<{ deliveries: Delivery[] }>('GET', `/deliveries?event=${event}`);
    return deliveries.flatMap(({ attempts }) => attempts.map(({ status }) => status));
}

/** A worker that died holds its lease until that runs out; this is when it has. */
async function leasesRunOut(): Promise<void> {
    await sql`update billing.stripe_leases set lease_until = now() - interval '1 second' where lease_until > now()`;
}

async function eventState(id: string): Promise<string | undefined> {
    const [row] = await sql<{ state: string }[]>`select state from billing.stripe_events where id = ${id}`;
    return row?.state;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 15_000;
    while (!(await holds())) {
        if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}.`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

describe('with the database stopped', () => {
    it('[HOOK-3] a webhook is answered 5xx, and makes the invoice paid when Stripe sends it again', async () => {
        const { invoiceId, totalPence } = await anUnheardPayment();
        const events = (await eventsOf(business, invoiceId)).map(({ id }) => id);
        await own.stopDatabase();
        try {
            await lever('POST', '/release');
            await until('each event was tried', async () => {
                const tried = await Promise.all(events.map(attemptsAt));
                return tried.every((attempts) => attempts.length > 0);
            });
            for (const attempt of (await Promise.all(events.map(attemptsAt))).flat())
                expect(attempt, 'Stripe forgets what is answered 2xx').toSatisfy(
                    (status: number | null) => status === null || status >= 500
                );
        } finally {
            await own.startDatabase();
        }
        expect(await moneyState(sql, invoiceId)).toMatchObject({ invoice: 'issued', payments: [] });

        await lever('POST', '/retry');
        await delivered();
        expect(await moneyState(sql, invoiceId)).toEqual(paidOnce(totalPence));
        for (const event of events) expect((await attemptsAt(event)).at(-1)).toBe(200);
    });

    it('[HOOK-1] [HOOK-3] one that Stripe did not sign is answered 400 all the same, since it is never looked up', async () => {
        await own.stopDatabase();
        try {
            expect((await postWebhook('{}')).status).toBe(400);
        } finally {
            await own.startDatabase();
        }
    });
});

describe('with Stripe out of reach', () => {
    it('[HOOK-3] a webhook is kept and answered 200, and the sweeper applies it once Stripe is back', async () => {
        const { invoiceId, totalPence } = await anUnheardPayment();
        const event = await eventOf('payment_intent.succeeded');
        const mend = door.cut(/^GET \/v1\/payment_intents/);
        expect(await deliver(event)).toEqual([200]);
        expect(await eventState(event)).toBe('recorded');
        expect(await moneyState(sql, invoiceId)).toMatchObject({ invoice: 'issued', events_left: 1 });

        await leasesRunOut();
        await aMinuteLater();
        expect(await eventState(event), 'a sweep in vain forgets nothing').toBe('recorded');

        mend();
        await leasesRunOut();
        await aMinuteLater();
        expect(await eventState(event)).toBe('applied');
        expect(await moneyState(sql, invoiceId)).toEqual({ ...paidOnce(totalPence), checkouts: ['open'] });
    });

    it('[HOOK-3] one payment that Stripe can’t tell of does not keep the sweeper from the others', async () => {
        const first = await anUnheardPayment();
        const ofFirst = await eventOf('payment_intent.succeeded');
        const second = await anUnheardPayment();
        const ofSecond = await eventOf('payment_intent.succeeded');
        const cutAll = door.cut(/^GET \/v1\/payment_intents/);
        expect(await deliver(ofFirst, ofSecond)).toEqual([200, 200]);
        cutAll();
        const [{ object_id: intent } = { object_id: '' }] = await sql<{ object_id: string }[]>`
            select object_id from billing.stripe_events where id = ${ofFirst}`;
        const cutFirst = door.cut(new RegExp(`^GET /v1/payment_intents/${intent}`));
        await leasesRunOut();
        await aMinuteLater();
        expect((await moneyState(sql, first.invoiceId)).invoice).toBe('issued');
        expect((await moneyState(sql, second.invoiceId)).invoice).toBe('paid');
        cutFirst();
        await leasesRunOut();
        await aMinuteLater();
        expect((await moneyState(sql, first.invoiceId)).invoice).toBe('paid');
    });
});

describe('when the function’s process is killed between keeping an event and applying it', () => {
    it('[HOOK-3] Stripe sends it again, and the invoice is paid once', async () => {
        const { invoiceId, totalPence } = await anUnheardPayment();
        const event = await eventOf('payment_intent.succeeded');
        const asked = door.keepBack(/^GET \/v1\/payment_intents\//);
        const cutOff = deliver(event);
        await asked.reached;
        expect(await eventState(event)).toBe('recorded');
        process.kill(denoOf(own), 'SIGKILL');
        asked.letGo();
        expect((await cutOff)[0], 'Stripe forgets what is answered 2xx').toSatisfy(
            (status: number) => status === 0 || status >= 500
        );

        await until('the functions run again', async () => (await postWebhook('{}')).status === 400);
        await leasesRunOut();
        await lever('POST', '/release');
        await delivered();
        expect(await moneyState(sql, invoiceId)).toEqual(paidOnce(totalPence));
    });
});

/** The process that runs this stack's functions. */
function denoOf({ stateDir }: OwnStack): number {
    const pids = JSON.parse(readFileSync(join(stateDir, 'pids.json'), 'utf8')) as { deno: { pid: number } };
    return pids.deno.pid;
}
