// Changing the webhook secret: for a time Stripe signs with both, and we accept either.
import { randomBytes } from 'node:crypto';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { superuser } from '../../support/business.ts';
import {
    aBusinessThatTakesCards,
    aPaidInvoice,
    aStackOfOurOwn,
    deliver,
    delivered,
    eventsOf,
    lever,
    moneyState,
    paidOnce,
    postWebhook,
    signed,
    stripe,
    type CardBusiness
} from '../../support/payments.ts';
import type { OwnStack } from '../../support/stack.ts';

const aSecret = () => `whsec_${randomBytes(16).toString('hex')}`;
/** What the operator has set: the new secret and, until it has been rolled, the old one. */
const secrets = { fresh: aSecret(), old: aSecret() };

let own: OwnStack;
let sql: Sql;
let business: CardBusiness;

beforeAll(async () => {
    own = await aStackOfOurOwn({ STRIPE_WEBHOOK_SECRETS: `${secrets.fresh}, ${secrets.old}` });
    await roll(secrets.old, 0);
    sql = superuser();
    business = await aBusinessThatTakesCards();
});
afterAll(async () => {
    await sql?.end();
    await own?.stopAndForget();
});

/** Gives Stripe's endpoints a secret; the one before it signs as well for so many seconds more. */
async function roll(secret: string, overlapSeconds: number): Promise<void> {
    for await (const { id } of stripe().webhookEndpoints.list())
        await lever('POST', '/roll', { endpoint: id, secret, overlap_seconds: overlapSeconds });
}

it('[HOOK-4] while a secret is rolled no payment is missed: by the old one, by both, by the new one alone', async () => {
    const pays = async () => {
        const { invoiceId, totalPence } = await aPaidInvoice(business);
        await delivered();
        expect(await moneyState(sql, invoiceId)).toEqual(paidOnce(totalPence));
    };
    await pays();
    await roll(secrets.fresh, 3600);
    await pays();
    await roll(secrets.fresh, 0);
    await pays();
});

it('[HOOK-4] either secret is good by itself, and no third one', async () => {
    const body = '{"object": "event"}';
    for (const secret of Object.values(secrets))
        expect(await postWebhook(body, signed(body, { secret }))).toMatchObject({
            code: 'request_not_understood'
        });
    for (const secret of [aSecret(), own.info.stripeWebhookSecret, `${secrets.fresh}, ${secrets.old}`])
        expect(await postWebhook(body, signed(body, { secret }))).toMatchObject({
            code: 'signature_not_valid'
        });
});

it('[HOOK-4] a secret that was never set here signs in vain: 400, and Stripe sends it again under the right one', async () => {
    await lever('POST', '/hold');
    const { invoiceId, totalPence } = await aPaidInvoice(business);
    const events = (await eventsOf(business, invoiceId)).map(({ id }) => id);
    await roll(aSecret(), 0);
    expect(new Set(await deliver(...events))).toEqual(new Set([400]));
    expect(await moneyState(sql, invoiceId)).toMatchObject({
        invoice: 'issued',
        payments: [],
        events_left: 0
    });
    await roll(secrets.fresh, 0);
    await lever('POST', '/release');
    await delivered();
    expect(await moneyState(sql, invoiceId)).toEqual(paidOnce(totalPence));
});
