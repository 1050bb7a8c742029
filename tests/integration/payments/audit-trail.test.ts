// The story of one invoice as its owner reads it: who did what, when, from where, step by step.
import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actOf, actorOf, type ActRecord } from '../../../src/lib/domain/story.ts';
import { CARDS, payAt } from '../../contract/stripe_stand_in.ts';
import { call, superuser } from '../../support/business.ts';
import {
    aBusinessThatTakesCards,
    aStackOfOurOwn,
    control,
    delivered,
    stripe,
    tapPay,
    type CardBusiness
} from '../../support/payments.ts';
import type { OwnStack } from '../../support/stack.ts';

type AuditRecord = ActRecord & {
    seq: number;
    at: string;
    actor_id: string | null;
    via: string;
    ip: string | null;
    user_agent: string | null;
    trusted: boolean;
    request_id: string | null;
};

const customer = { ip: '203.0.113.77', ua: 'Priya’s telephone' };

let own: OwnStack;
let sql: Sql;
let business: CardBusiness;
let began: number;
/** The private link that the customer came by. */
let linkId: string;
/** Oldest first. */
let trail: AuditRecord[];

beforeAll(async () => {
    own = await aStackOfOurOwn();
    sql = superuser();
    business = await aBusinessThatTakesCards();
    began = Date.now();
    const { invoiceId } = await business.anInvoice();
    const token = await send(invoiceId);
    await control('/net/drain');
    linkId = await openedLink(token);
    const { url } = await tapPay(token, customer);
    await payAt(url!, CARDS.pays);
    await delivered();
    await control('/net/drain');
    const { data } = await stripe().paymentIntents.list(
        { limit: 1 },
        { stripeAccount: business.stripeAccount }
    );
    await stripe().refunds.create({ payment_intent: data[0]!.id }, { stripeAccount: business.stripeAccount });
    await delivered();
    trail = (
        await call<AuditRecord[]>(business.owner.db, 'audit_trail', {
            account_id: business.accountId,
            entity: 'invoice',
            entity_id: invoiceId,
            page_size: 200
        })
    ).reverse();
});
afterAll(async () => {
    await sql?.end();
    await own?.stopAndForget();
});

/** The customer opens the link, without signing in; its id. */
async function openedLink(token: string): Promise<string> {
    const opened = await fetch(`${own.info.apiUrl}/rest/v1/rpc/portal_invoice`, {
        method: 'POST',
        headers: { apikey: own.info.publishableKey, 'content-type': 'application/json' },
        body: JSON.stringify({ token })
    });
    if (!opened.ok) throw new Error(await opened.text());
    const [link] = await sql<{ id: string }[]>`
        select id from public.portal_links where token_hash = sha256(convert_to(${token}, 'utf8'))`;
    return link!.id;
}

/** E-mails the invoice; the token of the link in it. */
async function send(invoiceId: string): Promise<string> {
    await call(business.owner.db, 'send_invoice', {
        account_id: business.accountId,
        invoice_id: invoiceId,
        to_address: 'priya@example.test',
        message: 'Thank you!',
        idempotency_key: randomUUID()
    });
    const answer = await fetch(`${own.info.inboxUrl}/api/messages/wait?to=priya@example.test`);
    const [, token] = /\/p\/([\w-]{43})/.exec(await answer.text()) ?? [];
    if (token === undefined) throw new Error('No private link was mailed.');
    return token;
}

const person = () => ({ actor_kind: 'person', actor_id: business.owner.id, actor_name: 'Sam Bell' });
const payer = () => ({
    actor_kind: 'customer',
    actor_name: 'Priya Nair',
    actor_id: linkId,
    ip: customer.ip,
    user_agent: customer.ua,
    trusted: true
});
const ofStripe = { actor_kind: 'webhook', actor_name: 'Stripe' };
const ofTheMailer = { actor_kind: 'worker', actor_name: 'send-mail' };

/** Every step, in the order it has to happen in, by whom, and how what happened to the money is told. */
const steps = (): [action: string, who: object, told?: string][] => [
    ['invoice.created', person()],
    ['invoice.issued', person()],
    ['portal_link.created', person()],
    ['invoice.sent', person()],
    ['message.sent', ofTheMailer],
    [
        'portal_link.first_viewed',
        { actor_kind: 'customer', actor_id: linkId, actor_name: 'Priya Nair' },
        'Priya Nair opened the invoice for the first time'
    ],
    ['checkout.created', payer(), 'Priya Nair began to pay'],
    ['checkout.open', payer(), 'Priya Nair opened Stripe’s payment page'],
    ['payment.created', ofStripe, 'Stripe recorded a payment of £504.00 by card'],
    ['invoice.paid', ofStripe, 'Stripe marked the invoice paid'],
    ['message.created', ofStripe],
    ['message.sent', ofTheMailer],
    ['payment.refunded', ofStripe, 'Stripe paid £504.00 back to the customer'],
    ['invoice.issued', ofStripe, 'Stripe marked the invoice unpaid again']
];

describe('the audit trail of an invoice', () => {
    it('[AUD-1] tells every step from draft to refund, in its order and with who took it', () => {
        let from = 0;
        for (const [action, who, told] of steps()) {
            const at = trail.findIndex((record, place) => place >= from && record.action === action);
            expect(at, `${action} after ${trail[from - 1]?.action ?? 'nothing'}`).toBeGreaterThanOrEqual(0);
            expect(trail[at], action).toMatchObject(who);
            if (told !== undefined) expect(`${actorOf(trail[at]!)} ${actOf(trail[at]!)}`).toBe(told);
            from = at + 1;
        }
    });

    it('[AUD-1] tells that the page was finished, once', () => {
        const finished = trail.filter(({ action }) => action === 'checkout.complete');
        expect(finished).toMatchObject([ofStripe]);
    });

    it('[AUD-1] says of each step when it was, and in which request', () => {
        const times = trail.map(({ at }) => Date.parse(at));
        expect(Math.min(...times)).toBeGreaterThanOrEqual(began - 1000);
        expect(Math.max(...times)).toBeLessThanOrEqual(Date.now() + 1000);
        for (const { action, request_id } of trail) expect(request_id, action).toMatch(/^[\w.:-]{8,128}$/);
    });

    it('[AUD-1] names nobody’s deed without a name, and tells none as a riddle', () => {
        for (const record of trail) {
            expect(record.actor_kind, record.action).not.toBe('system');
            expect(record.actor_kind === 'person' || record.actor_name !== null, record.action).toBe(true);
            expect(actOf(record), 'an act without a sentence of its own').not.toMatch(/^[a-z ]+: [a-z ]+$/);
        }
    });

    it('[AUD-1] is the owner’s to read, and nobody’s to change', async () => {
        const { error } = await (
            await business.withMember('staff')
        ).db.rpc('audit_trail', {
            account_id: business.accountId
        });
        expect(error?.hint).toBe('not_allowed');
        await expect(sql`update audit.records set actor_kind = 'system'`).rejects.toThrow(/append only/);
        await expect(sql`delete from audit.records`).rejects.toThrow(/append only/);
    });
});
