// The way from sign-in to paid, step by step, as a visitor without a screen walks it: how long each takes, and what the time
// goes into. On a stack of its own with the demo business, and on the built app as a process of its own.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type RunningApp } from '../support/app.ts';
import { freePort } from '../support/port.ts';
import { aVisitor, type Visitor } from '../support/visitor.ts';
import { memoryOf, type Memory } from './memory.ts';
import { postgresTime, type PostgresTime } from './postgres-time.ts';
import { sampled, step, timed, times, type Sample, type Step } from './samples.ts';
import { aFolder, forget, startStackProcess, type StackProcess } from './starts.ts';
import { weightOf, type Weight } from './weight.ts';
import * as walk from './world.ts';

export type Journey = {
    steps: Record<string, Step>;
    /** Ten seconds after the last request of all the steps. */
    idle: { stack: Memory | null; app: Memory | null };
    script: { app: Weight; customer: Weight };
};

/** How often each step is walked before it counts. */
const WARM_UP = 3;
const IDLE_SECONDS = 10;

type Log = (line: string) => void;

/** Walks the whole way, each step `rounds` times. Everything it starts is ended and forgotten again. */
export async function journey(rounds: number, log: Log): Promise<Journey> {
    const stateDir = aFolder();
    let stack: StackProcess | undefined;
    let app: RunningApp | undefined;
    try {
        const appPort = await freePort();
        stack = await startStackProcess({ stateDir, appPort });
        app = await startApp(stack.info, appPort);
        const world = await walk.arrange(stack.info, app.url, WARM_UP + rounds);
        const clock = await postgresTime(stack.info.superuserUrl);
        const { steps, customer } = await walked(world, clock, log).finally(() => clock.close());
        const script = {
            app: await weightOf(await world.trader.get('/today')),
            customer: await weightOf(await customer.get('/portal/invoice'))
        };
        await sleep(IDLE_SECONDS * 1000);
        return { steps, idle: { stack: memoryOf(stack.pid), app: memoryOf(app.pid) }, script };
    } finally {
        await app?.stop();
        await stack?.stop();
        forget(stateDir);
    }
}

async function walked(
    world: walk.World,
    clock: PostgresTime,
    log: Log
): Promise<{ steps: Record<string, Step>; customer: Visitor }> {
    const { trader, account, people } = world;
    const steps: Record<string, Step> = {};
    const keep = (name: string, result: Step): void => {
        steps[name] = result;
        log(line(name, result));
    };
    /** One round for each person; the first ones warm up. */
    const each = async (name: string, work: (round: number) => Promise<Sample>, note?: string) => {
        const samples: Sample[] = [];
        for (const round of people.keys()) {
            if (round === WARM_UP) await clock.begin();
            samples.push(await work(round));
        }
        keep(name, step(samples.slice(WARM_UP), await clock.read(), note));
    };
    const seen = async (answer: () => Promise<Response>, status = 200): Promise<Sample> =>
        (await sampled(answer, status)).sample;

    await each(
        'sign_in_password',
        (round) => {
            const { email, password } = people[round]!;
            return seen(() => aVisitor(world.app).post('/sign-in/password', { email, password }), 303);
        },
        'Through a function. A bcrypt comparison of cost 10 in the auth server is part of it.'
    );
    await each(
        'sign_in_code_asked',
        (round) => {
            const { visitor, email } = people[round]!;
            return seen(() => visitor.post('/sign-in', { email }), 303);
        },
        'Through functions; the mail leaves after the answer, and Postgres’ part in that is counted too.'
    );
    await each(
        'sign_in_code_entered',
        async (round) => {
            const { visitor, email } = people[round]!;
            const code = await walk.codeFor(world, email);
            return seen(() => visitor.post('/sign-in/code?/enter', { code }), 303);
        },
        'Through a function.'
    );
    await each('today', () => seen(() => trader.get('/today')));
    await each(
        'open_job',
        () => seen(() => trader.get(`/jobs/${world.job}`)),
        `With ${walk.PHOTOS} photos, whose addresses a function signs.`
    );

    const invoices: string[] = [];
    await each('save_invoice', async (round) => {
        const fields = walk.invoiceFields(world, round);
        const editor = `/jobs/${fields.job_id}/invoice?/save`;
        const { sample, response } = await sampled(() => trader.post(editor, fields), 303);
        invoices.push(response.headers.get('location') ?? '');
        return sample;
    });
    await each(
        'issue_invoice',
        (round) => {
            const fields = {
                account_id: account,
                expected_total_pence: String(walk.INVOICE_TOTAL_PENCE),
                idempotency_key: randomUUID()
            };
            return seen(() => trader.post(`${invoices[round]}/issue`, fields), 303);
        },
        'Number taken, PDF drawn by the web server and stored.'
    );

    const customers: Visitor[] = [];
    for (const invoice of invoices) customers.push(await walk.aCustomerOf(world, invoice));
    await each('portal_invoice', (round) => seen(() => customers[round]!.get('/portal/invoice')));

    const leaving: string[] = [];
    await each(
        'checkout',
        async (round) => {
            const { sample, body } = await sampled(
                () => customers[round]!.post('/portal/invoice?/pay', {}),
                200
            );
            leaving.push(body);
            return sample;
        },
        'From our button to the address of Stripe’s page. Through a function that asks Stripe’s stand-in.'
    );

    const answered: number[] = [];
    const shown: number[] = [];
    for (const [round, body] of leaving.entries()) {
        const began = performance.now();
        answered.push(await timed(() => walk.payWhere(body)));
        await walk.untilPaid(world, invoices[round]!);
        shown.push(performance.now() - began);
    }
    keep('card_page_answered', { ...times(answered.slice(WARM_UP)), note: 'Stripe’s stand-in alone.' });
    keep('pay_to_shown', {
        ...times(shown.slice(WARM_UP)),
        note: 'From the form on Stripe’s page until the invoice’s page says paid; many requests, so not split.'
    });
    return { steps, customer: customers.at(-1)! };
}

function line(name: string, { n, p50_ms, p95_ms, share, upstream_calls }: Step): string {
    const figure = (ms: number): string => `${ms.toFixed(1).padStart(7)} ms`;
    const split = share
        ? `   postgres ${share.postgres.toFixed(2)}  gateway ${share.gateway.toFixed(2)}  web ${share.web.toFixed(2)}  calls ${upstream_calls}`
        : '';
    return `  ${name.padEnd(22)}p50 ${figure(p50_ms)}   p95 ${figure(p95_ms)}   n ${n}${split}`;
}
