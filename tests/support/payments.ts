// Card payments in tests: businesses that take cards, links that are paid on Stripe's page, events as Stripe delivers them,
// and looks into what the database made of it.
import { createHash, randomBytes } from 'node:crypto';
import type { Sql } from 'postgres';
import type Stripe from 'stripe';
import { signContext } from '../../supabase/functions/_shared/context.ts';
import { CARDS, clientAt, onboardAt, payAt } from '../contract/stripe_stand_in.ts';
import { aBusiness, anAddress, superuser, type Business, type Issued } from './business.ts';
import type { StackOptions } from '../../local/stack.ts';
import { stack, startOwnStack, type OwnStack } from './stack.ts';
import { openStripeDoor, type StripeDoor } from './stripe_door.ts';

/** Starts a stack for one test file; every builder of the file makes its people there. */
export async function aStackOfOurOwn(
    given: Record<string, string> = {},
    options: Partial<StackOptions> = {}
): Promise<OwnStack> {
    const own = await startOwnStack({ given: { ...process.env, ...given }, ...options });
    process.env.TF_STACK = JSON.stringify(own.info);
    return own;
}

/** The same, with a door between its functions and Stripe. */
export async function aStackBehindADoor(): Promise<{ own: OwnStack; door: StripeDoor }> {
    const door = await openStripeDoor();
    const own = await aStackOfOurOwn({ STRIPE_API_URL: door.url });
    door.leadTo(own.info.stripeUrl);
    return { own, door };
}

/** Stripe itself, past every door. */
export function stripe(): Stripe {
    return clientAt(stack().stripeUrl, stack().stripeSecretKey);
}

/** One of the levers of the stand-in for Stripe. */
export async function lever<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const response = await fetch(`${stack().stripeUrl}/_stand_in${path}`, {
        method,
        headers: {
            authorization: `Bearer ${stack().stripeSecretKey}`,
            'content-type': 'application/json'
        },
        ...(body ? { body: JSON.stringify(body) } : {})
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
}

/** Waits until every webhook that Stripe owes has been taken. */
export async function delivered(): Promise<void> {
    const { idle, owed } = await lever<{ idle: boolean; owed: number }>('GET', '/idle?timeout_ms=15000');
    if (!idle) throw new Error(`Stripe still owes ${owed} webhooks.`);
}

/** One of the stack's own controls: its clock, its schedules, its outgoing calls. */
export async function control(path: string, body?: object): Promise<void> {
    const response = await fetch(stack().controlUrl + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        ...(body ? { body: JSON.stringify(body) } : {})
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

/** Lets a minute pass for the schedules, and waits until what they set off is done. Only on a stack of one's own. */
export async function aMinuteLater(): Promise<void> {
    await control('/clock', { advance_seconds: 61 });
    try {
        await control('/cron/tick');
        await control('/net/drain');
    } finally {
        await control('/clock/reset');
    }
}

/** The owner goes to Stripe's onboarding and ends it in one of its ways; what Stripe tells of that has been heard. */
export async function onboard(
    { accountId, owner }: Business,
    outcome: 'complete' | 'unfinished' | 'more_information'
): Promise<void> {
    const { data, error } = await owner.db.functions.invoke<{ url: string }>('connect', {
        body: { account_id: accountId, action: 'onboard' }
    });
    if (!data) throw new Error(`connect: ${String(error)}`);
    await onboardAt(data.url, outcome);
    await delivered();
}

export type CardBusiness = Business & { stripeAccount: string };

/**
 * A business that takes cards: its owner connects it, goes through Stripe's onboarding, and Stripe's webhook says that
 * charges are enabled.
 */
export async function aBusinessThatTakesCards(name?: string): Promise<CardBusiness> {
    const business = await aBusiness(name === undefined ? {} : { name });
    await onboard(business, 'complete');
    const sql = superuser();
    try {
        const [connected] = await sql<{ stripe_account_id: string; charges_enabled: boolean }[]>`
            select stripe_account_id, charges_enabled from billing.connected_accounts
            where account_id = ${business.accountId}`;
        if (!connected?.charges_enabled) throw new Error('Stripe’s webhook did not enable charges.');
        return { ...business, stripeAccount: connected.stripe_account_id };
    } finally {
        await sql.end();
    }
}

/** The customer, known to the web tier by an address and a browser, taps "Pay". */
export async function tapPay(
    token: string,
    seen: { ip?: string; ua?: string } = {},
    more: object = {}
): Promise<{ status: number; url?: string; code?: string }> {
    const context = await signContext(
        {
            ip: seen.ip ?? anAddress(),
            ua: seen.ua ?? 'a customer’s browser',
            rid: `pay-${randomBytes(8).toString('hex')}`,
            sid: null,
            iat: Math.floor(Date.now() / 1000),
            via: 'app'
        },
        [stack().env.TF_CONTEXT_KEY ?? '']
    );
    const response = await fetch(`${stack().apiUrl}/functions/v1/checkout`, {
        method: 'POST',
        headers: {
            apikey: stack().publishableKey,
            'content-type': 'application/json',
            'x-tf-context': context
        },
        body: JSON.stringify({ token, ...more })
    });
    return { status: response.status, ...((await response.json()) as object) };
}

/** The address of Stripe's page for this link; throws when there is none. */
export async function checkoutPage(token: string): Promise<string> {
    const { status, url, code } = await tapPay(token);
    if (url === undefined) throw new Error(`checkout answered ${status} ${code}`);
    return url;
}

/** The id of the checkout session behind the address of a Stripe page. */
export function sessionIn(page: string): string {
    return /cs_\w+/.exec(page)?.[0] ?? '';
}

/** Money that came in another way, so that less is owed by card. */
export async function receiveByBank(sql: Sql, invoiceId: string, pence: number): Promise<void> {
    await sql`
        insert into public.payments (account_id, invoice_id, amount_pence, method, paid_at)
        select account_id, id, ${pence}, 'bank', now() from public.invoices where id = ${invoiceId}`;
}

export type Paid = Issued & { token: string };

/** An invoice that its customer has just paid on Stripe's page, whether or not we have heard of it. */
export async function aPaidInvoice(business: Business, fields: Record<string, string> = {}): Promise<Paid> {
    const invoice = await business.anInvoice();
    const token = await business.aLink(invoice.invoiceId);
    const { status, page } = await payAt(await checkoutPage(token), CARDS.pays, fields);
    if (status !== 303) throw new Error(`Stripe’s page did not take the card: ${page}`);
    return { ...invoice, token };
}

/** The events of an invoice's latest payments that Stripe holds, oldest first. */
export async function eventsOf(business: CardBusiness, invoiceId: string): Promise<Stripe.Event[]> {
    const onAccount = { stripeAccount: business.stripeAccount };
    const [sessions, events] = await Promise.all([
        stripe().checkout.sessions.list({ limit: 100 }, onAccount),
        stripe().events.list({ limit: 100 }, onAccount)
    ]);
    const own = sessions.data.filter(({ metadata }) => metadata?.invoice_id === invoiceId);
    const ids = new Set<unknown>(own.flatMap(({ id, payment_intent }) => [id, payment_intent]));
    ids.delete(null);
    return events.data
        .filter(({ data }) => {
            const { id, payment_intent } = data.object as { id?: string; payment_intent?: unknown };
            return ids.has(id) || ids.has(payment_intent);
        })
        .reverse();
}

/** Has Stripe deliver events one after the other; the statuses they were answered with. */
export async function deliver(...events: readonly string[]): Promise<number[]> {
    const statuses: number[] = [];
    for (const event of events) statuses.push(...(await deliverTimes(event, 1)));
    return statuses;
}

/** Has Stripe deliver one event so often at once. */
export async function deliverTimes(event: string, times: number): Promise<number[]> {
    const { deliveries } = await lever<{ deliveries: { status: number | null }[] }>('POST', '/deliver', {
        event,
        times,
        parallel: true
    });
    return deliveries.map(({ status }) => status ?? 0);
}

export const WEBHOOK_PATH = '/functions/v1/stripe-webhook';

/** A POST to the webhook's address, as anybody on the internet can make it. */
export async function postWebhook(
    body: string,
    headers: Record<string, string> = {}
): Promise<{ status: number; code: string | undefined }> {
    const response = await fetch(stack().apiUrl + WEBHOOK_PATH, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body
    });
    const answer = (await response.json().catch(() => ({}))) as { code?: string };
    return { status: response.status, code: answer.code };
}

/** Stripe's signature header for a body. */
export function signed(
    payload: string,
    { secret = stack().stripeWebhookSecret, secondsAgo = 0 } = {}
): { 'stripe-signature': string } {
    const timestamp = Math.floor(Date.now() / 1000) - secondsAgo;
    return {
        'stripe-signature': stripe().webhooks.generateTestHeaderString({ payload, secret, timestamp })
    };
}

/** Every row of our own schemas as one digest a table, so that "nothing changed" means nothing anywhere. */
export async function everyRow(sql: Sql): Promise<Record<string, string>> {
    const tables = await sql<{ name: string }[]>`
        select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname in ('public', 'private', 'billing', 'mail', 'audit') order by 1`;
    const digests: Record<string, string> = {};
    for (const { name } of tables) {
        const rows = await sql.unsafe<{ row: string }[]>(
            `select t::text as row from ${name} as t order by 1`
        );
        const digest = createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16);
        digests[name] = `${rows.length} rows ${digest}`;
    }
    return digests;
}

export type MoneyState = {
    invoice: string;
    paid_pence: number;
    job: string;
    payments: { amount: number; refunded: number; state: string }[];
    receipts: number;
    checkouts: string[];
    events_left: number;
};

/** All that a payment is to change, in one look. */
export async function moneyState(sql: Sql, invoiceId: string): Promise<MoneyState> {
    const [row] = await sql<{ state: MoneyState }[]>`
        select jsonb_build_object(
            'invoice', i.state, 'paid_pence', i.paid_pence, 'job', j.state,
            'payments', (
                select coalesce(jsonb_agg(
                    jsonb_build_object('amount', p.amount_pence, 'refunded', p.refunded_pence, 'state', p.state)
                    order by p.created_at
                ), '[]') from public.payments as p where p.invoice_id = i.id
            ),
            'receipts', (
                select count(*) from mail.outbox as o where o.template = 'receipt' and o.subject_id = i.id
            ),
            'checkouts', (
                select coalesce(jsonb_agg(s.state order by s.created_at), '[]')
                from billing.checkout_sessions as s where s.invoice_id = i.id
            ),
            'events_left', (
                select count(*) from billing.stripe_events as e
                join billing.connected_accounts as c on c.stripe_account_id = e.account
                where c.account_id = i.account_id and e.state = 'recorded'
            )
        ) as state
        from public.invoices as i
        join public.jobs as j on j.account_id = i.account_id and j.id = i.job_id
        where i.id = ${invoiceId}`;
    if (!row) throw new Error(`There is no invoice ${invoiceId}.`);
    return row.state;
}

/** How things stand once an invoice of this total has been paid once. */
export function paidOnce(totalPence: number): MoneyState {
    return {
        invoice: 'paid',
        paid_pence: totalPence,
        job: 'paid',
        payments: [{ amount: totalPence, refunded: 0, state: 'succeeded' }],
        receipts: 1,
        checkouts: ['complete'],
        events_left: 0
    };
}
