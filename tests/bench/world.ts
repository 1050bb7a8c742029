// What the journey is walked on: people who sign in, the demo business with a job that has photos, and customers who pay.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { CARDS, onboardAt, payAt } from '../contract/stripe_stand_in.ts';
import { aPerson, call, signIn, type Person } from '../support/business.ts';
import type { StackInfo } from '../support/stack.ts';
import { aVisitor, type Visitor } from '../support/visitor.ts';

/** As seed.sql says. */
const OWNER = { email: 'owner@belllane.example', password: 'copper-kettle-42' };
export const PHOTOS = 6;

export type Stranger = Pick<Person, 'email' | 'password'> & { visitor: Visitor };
export type World = {
    stack: StackInfo;
    app: string;
    /** The owner of the demo business, signed in. */
    trader: Visitor;
    account: string;
    /** A job with photos. */
    job: string;
    /** Jobs to be invoiced, one for each round. */
    jobs: readonly { job_id: string; customer_id: string }[];
    /** People with an account and a password, not signed in. */
    people: readonly Stranger[];
};

/** Reads a page, or throws with what came instead. */
export async function page(answer: Promise<Response>): Promise<string> {
    const response = await answer;
    const body = await response.text();
    if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${body}`);
    return body;
}

/** Where a page that leaves our site leads. */
function leavingFor(html: string): string {
    const url = /http-equiv="refresh" content="0;url=([^"]+)"/.exec(html)?.[1];
    if (!url) throw new Error(`This page leads nowhere: ${html}`);
    return url.replaceAll('&amp;', '&');
}

/** Lays everything out for so many rounds. */
export async function arrange(stack: StackInfo, app: string, rounds: number): Promise<World> {
    process.env.TF_STACK = JSON.stringify(stack);
    const { db } = await signIn(OWNER.email, OWNER.password);
    const { accounts } = await call<{ accounts: { id: string }[] }>(db, 'me', {});
    const account = accounts[0]?.id ?? '';
    const trader = aVisitor(app);
    await trader.post('/sign-in/password', OWNER);

    const jobs: { job_id: string; customer_id: string }[] = [];
    for (let round = 0; round <= rounds; round += 1) {
        const made = await call<{ job_id: string; customer_id: string }>(db, 'create_job', {
            account_id: account,
            idempotency_key: randomUUID(),
            job: { title: `Consumer unit ${round}`, description: 'Old unit trips at night.' },
            customer: { name: `Customer ${round}`, email: `customer-${round}@mail.example` },
            site: { address_line_1: `${round} Mill Street`, town: 'Todmorden', postcode: 'OL14 5AA' }
        });
        jobs.push(made);
    }
    const [{ job_id: job } = { job_id: '' }, ...others] = jobs;
    const world: World = { stack, app, trader, account, job, jobs: others, people: [] };
    for (let photo = 0; photo < PHOTOS; photo += 1) await photograph(world, photo);
    await onboardAt(
        leavingFor(await page(trader.post('/more/payouts', { account_id: account }))),
        'complete'
    );
    await page(trader.get('/more/payouts?back=stripe'));

    const people: Stranger[] = [];
    for (let round = 0; round < rounds; round += 1) {
        people.push({ ...(await aPerson('bench')), visitor: aVisitor(app) });
    }
    return { ...world, people };
}

/** Sends a photo of a phone's size to the job, as the page's script does. */
async function photograph({ trader, account, job }: World, number: number): Promise<void> {
    const tell = async (body: Record<string, string>): Promise<Record<string, string>> => {
        const answer = await page(trader.json(`/jobs/${job}/photos`, { account_id: account, ...body }));
        return JSON.parse(answer) as Record<string, string>;
    };
    const background = { r: 40 * number, g: 90, b: 160 };
    const bytes = await sharp({ create: { width: 1600, height: 1200, channels: 3, background } })
        .jpeg()
        .toBuffer();
    const room = await tell({
        step: 'start',
        file_name: `photo-${number}.jpg`,
        idempotency_key: randomUUID()
    });
    const headers = { 'content-type': 'image/jpeg' };
    await page(fetch(room.url ?? '', { method: 'PUT', headers, body: bytes }));
    await tell({ step: 'arrived', document_id: room.document_id ?? '' });
}

/** The code that was mailed to somebody last. */
export async function codeFor({ stack }: World, email: string): Promise<string> {
    const query = new URLSearchParams({ to: email, timeout_ms: '20000' });
    const message = JSON.parse(await page(fetch(`${stack.mailUrl}/api/messages/wait?${query}`))) as {
        text: string;
    };
    return /\b(\d{6})\b/.exec(message.text)?.[1] ?? '';
}

/** What the editor sends for an invoice of three lines. */
export function invoiceFields({ account, jobs }: World, round: number): Record<string, string> {
    const today = new Date().toISOString().slice(0, 10);
    const lines = [
        ['labour', 'Replace the consumer unit', '6', '48.00'],
        ['materials', 'Consumer unit, 10 ways', '1', '189.50'],
        ['materials', 'Surge protection', '1', '64.00']
    ];
    const fields = lines.flatMap(([kind = '', description = '', quantity = '', price = ''], at) => [
        [`lines[${at}].kind`, kind],
        [`lines[${at}].description`, description],
        [`lines[${at}].quantity`, quantity],
        [`lines[${at}].unit_price`, price],
        [`lines[${at}].vat_rate`, '2000']
    ]);
    return {
        account_id: account,
        job_id: jobs[round]?.job_id ?? '',
        customer_id: jobs[round]?.customer_id ?? '',
        idempotency_key: randomUUID(),
        supplied_on: today,
        due_on: today,
        notes: 'Certificate follows by post.',
        ...(Object.fromEntries(fields) as Record<string, string>)
    };
}

/** What {@link invoiceFields} come to with VAT. */
export const INVOICE_TOTAL_PENCE = 64_980;

/** A customer who has followed a fresh private link to the invoice. */
export async function aCustomerOf({ app, trader, account }: World, invoicePath: string): Promise<Visitor> {
    const fields = { account_id: account, idempotency_key: randomUUID() };
    const html = await page(trader.post(`${invoicePath}?/link`, fields));
    const token = /\/p\/([\w-]{22,})/.exec(html)?.[1] ?? '';
    const customer = aVisitor(app);
    await customer.get(`/p/${token}`);
    return customer;
}

/** Pays on the card page that our page leads to, to its last answer. */
export async function payWhere(html: string): Promise<void> {
    const { status, page: said } = await payAt(leavingFor(html), CARDS.pays);
    if (status !== 303) throw new Error(`The card page answered ${status}: ${said}`);
}

/** Asks for the trader's page of the invoice again and again until it says paid. */
export async function untilPaid({ trader }: World, invoicePath: string): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!(await page(trader.get(invoicePath))).includes('Paid in full')) {
        if (Date.now() > deadline) throw new Error(`${invoicePath} was not paid in time.`);
        await sleep(5);
    }
}
