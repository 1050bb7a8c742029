// A tradesperson at their own pages: each step is the request that a browser without script would send, and is confirmed by
// the answer alone.
import { randomUUID } from 'node:crypto';
import { aVisitor, type Visitor } from '../support/visitor.ts';

export type Trader = {
    visitor: Visitor;
    accountId: string;
    email: string;
    job(title: string): Promise<string>;
    photo(jobId: string): Promise<{ documentId: string; url: string }>;
    /** Says that a photo has arrived; the answer's status. */
    arrived(jobId: string, documentId: string): Promise<number>;
    draft(jobId: string): Promise<string>;
    /** Answers as the page does; the same key again is the same act. */
    issue(invoiceId: string, expectedPence: number, key: string): Promise<Response>;
    send(invoiceId: string, to: string, key: string): Promise<Response>;
};

export const PRICE_PENCE = 12_000;

/** The value of a hidden field of a page's form. */
function hidden(html: string, name: string): string {
    const [tag = ''] = new RegExp(`<input[^>]*name="${name}"[^>]*>`).exec(html) ?? [];
    const [, value] = /value="([^"]*)"/.exec(tag) ?? [];
    if (value === undefined) throw new Error(`The page has no field ${name}: ${html.slice(0, 2000)}`);
    return value;
}

/** Where a confirmed form leads; anything but a redirect is no confirmation. */
async function led(answer: Response): Promise<string> {
    const to = answer.headers.get('location');
    if (answer.status !== 303 || to === null)
        throw new Error(`answered ${answer.status}: ${(await answer.text()).slice(0, 3000)}`);
    return to;
}
const idOf = async (answer: Response): Promise<string> =>
    /[0-9a-f-]{36}/.exec(await led(answer))?.[0] ?? Promise.reject(new Error('leads to no id'));

/** Signs somebody new in by the code in their inbox and opens their business. */
export async function aTrader(url: string, inboxUrl: string): Promise<Trader> {
    const visitor = aVisitor(url);
    const email = `sam-${randomUUID()}@example.test`;
    await led(await visitor.post('/sign-in', { email }));
    const mail = await fetch(`${inboxUrl}/api/messages/wait?to=${email}&timeout_ms=30000`);
    const [code = ''] = /\b\d{6}\b/.exec(((await mail.json()) as { subject: string }).subject) ?? [];
    await led(await visitor.post('/sign-in/code?/enter', { code }));
    await led(
        await visitor.post('/welcome', {
            name: 'Bell Lane Electrical',
            trade: 'Electrician',
            vat_registered: 'no',
            person_name: 'Sam Bell',
            idempotency_key: randomUUID()
        })
    );
    const account_id = hidden(await (await visitor.get('/jobs/new')).text(), 'account_id');
    const today = new Date().toISOString().slice(0, 10);
    return {
        visitor,
        accountId: account_id,
        email,
        job: async (title) =>
            idOf(
                await visitor.post('/jobs/new', {
                    account_id,
                    title,
                    customer_id: 'new',
                    customer_name: 'Priya Nair',
                    customer_email: 'priya@example.test',
                    address_line_1: '12 Mill Street',
                    town: 'Todmorden',
                    idempotency_key: randomUUID()
                })
            ),
        async photo(jobId) {
            const answer = await visitor.json(`/jobs/${jobId}/photos`, {
                step: 'start',
                account_id,
                file_name: 'board.jpg',
                idempotency_key: randomUUID()
            });
            if (!answer.ok) throw new Error(await answer.text());
            const { document_id, url } = (await answer.json()) as { document_id: string; url: string };
            return { documentId: document_id, url };
        },
        arrived: async (jobId, document_id) =>
            (await visitor.json(`/jobs/${jobId}/photos`, { step: 'arrived', account_id, document_id }))
                .status,
        async draft(jobId) {
            const page = await (await visitor.get(`/jobs/${jobId}/invoice`)).text();
            return idOf(
                await visitor.post(`/jobs/${jobId}/invoice?/save`, {
                    account_id,
                    job_id: jobId,
                    customer_id: hidden(page, 'customer_id'),
                    supplied_on: today,
                    due_on: today,
                    'lines[0].kind': 'labour',
                    'lines[0].description': 'Replace a consumer unit',
                    'lines[0].quantity': '1',
                    'lines[0].unit_price': String(PRICE_PENCE / 100),
                    'lines[0].vat_rate': '',
                    idempotency_key: randomUUID()
                })
            );
        },
        issue: (invoiceId, expectedPence, key) =>
            visitor.post(`/invoices/${invoiceId}/issue`, {
                account_id,
                expected_total_pence: String(expectedPence),
                idempotency_key: key
            }),
        send: (invoiceId, to, key) =>
            visitor.post(`/invoices/${invoiceId}?/send`, {
                account_id,
                to,
                message: '',
                idempotency_key: key
            })
    };
}
