// Nothing about a card, and nothing that was typed on Stripe's page, is ever kept by us: not in a row, not in a log, not in
// a file, not even in a row that was deleted again.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CARDS, payAt, submit } from '../../contract/stripe_stand_in.ts';
import { startApp, type RunningApp } from '../../support/app.ts';
import { superuser } from '../../support/business.ts';
import {
    aBusinessThatTakesCards,
    aMinuteLater,
    aStackOfOurOwn,
    control,
    deliver,
    delivered,
    eventsOf,
    lever,
    moneyState,
    stripe,
    type CardBusiness
} from '../../support/payments.ts';
import { freePort } from '../../support/port.ts';
import type { OwnStack } from '../../support/stack.ts';
import { aVisitor, type Visitor } from '../../support/visitor.ts';

const PAYS = '5555555555554444';
const typed = {
    email: 'zebedee.payer@cardholder.test',
    cardExpiry: '07 / 41',
    cardCvc: '739',
    billingName: 'Zebedee Quillfeather',
    billingPostalCode: 'ZQ9 7XW'
};

let own: OwnStack;
let app: RunningApp;
let sql: Sql;
let business: CardBusiness;
/** Each is found nowhere in the world but on Stripe's page and in what Stripe made of it. */
let unique: string[];
let fingerprints: string[];

beforeAll(async () => {
    const appPort = await freePort();
    own = await aStackOfOurOwn({}, { appPort });
    app = await startApp(own.info, appPort);
    sql = superuser();
    business = await aBusinessThatTakesCards();
    const whole = await aLifecycle();
    const kept = await aLifecycle({ refund: false });
    await aMinuteLater();
    await lever('POST', '/retry');
    await delivered();
    await control('/net/drain');
    fingerprints = [...whole.fingerprints, ...kept.fingerprints];
    unique = [
        ...[typed.email, typed.billingName, 'Quillfeather', typed.billingPostalCode, 'ZQ97XW', '07 / 41'],
        ...[PAYS, '5555 5555 5555 4444', CARDS.declined, CARDS.noFunds, CARDS.challenged],
        ...fingerprints
    ];
});
afterAll(async () => {
    await sql?.end();
    await app?.stop();
    await own?.stopAndForget();
});

/** From the link to the receipt through the app's own pages: declined, short of funds, asked by the bank, paid, given back. */
async function aLifecycle({ refund = true } = {}): Promise<{ fingerprints: string[] }> {
    const invoice = await business.anInvoice();
    const customer = aVisitor(app.url);
    await customer.get(`/p/${await business.aLink(invoice.invoiceId)}`);
    const page = await stripePage(customer);
    for (const card of [CARDS.declined, CARDS.noFunds]) await payAt(page, card, typed);
    const challenged = await payAt(page, CARDS.challenged, typed);
    await submit(challenged.to!, { answer: 'refuse' });
    await payAt(await stripePage(customer), PAYS, typed);
    await delivered();
    expect((await customer.get('/portal/paid')).status).toBe(200);
    expect((await moneyState(sql, invoice.invoiceId)).invoice).toBe('paid');

    const onAccount = { stripeAccount: business.stripeAccount };
    const events = await eventsOf(business, invoice.invoiceId);
    const intent = events.find(({ type }) => type === 'payment_intent.succeeded')!.data.object as {
        id: string;
    };
    if (refund) {
        await stripe().refunds.create({ payment_intent: intent.id, amount: 1_500 }, onAccount);
        await delivered();
        await stripe().refunds.create({ payment_intent: intent.id }, onAccount);
    }
    await delivered();
    await deliver(...events.map(({ id }) => id));
    const { data: charges } = await stripe().charges.list({ payment_intent: intent.id }, onAccount);
    const fingerprints = charges.map((charge) => charge.payment_method_details?.card?.fingerprint ?? '');
    expect(charges.length, 'tries on Stripe’s page that became a charge').toBeGreaterThanOrEqual(3);
    expect(fingerprints.every((fingerprint) => fingerprint.length === 16)).toBe(true);
    return { fingerprints };
}

async function stripePage(customer: Visitor): Promise<string> {
    const answer = await customer.post('/portal/invoice?/pay', {});
    const [page] = new RegExp(`${own.info.stripeUrl}/c/pay/\\w+`).exec(await answer.text()) ?? [];
    if (page === undefined) throw new Error(`The customer was not sent to Stripe (${answer.status}).`);
    return page;
}

/** Words that give a card away wherever they stand by themselves. */
const GIVEAWAYS = [
    /\b(visa|mastercard|amex)\b/i,
    /(?<![\w.-])(4444|0002|9995|3155)(?![\w-])/,
    /(?<![\w.-])2041(?![\w-])/,
    /\b(last4|exp_month|exp_year|cvc|fingerprint|billing_details|customer_details|payment_method_details)\b/
];

type Find = { where: string; what: string };

/** Every value of every table of the database, but for Postgres's own catalog. */
async function searchRows(): Promise<{ rows: number; tables: number; finds: Find[] }> {
    const tables = await sql<{ name: string }[]>`
        select format('%I.%I', n.nspname, c.relname) as name
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
        order by 1`;
    const finds: Find[] = [];
    let rows = 0;
    for (const { name } of tables) {
        // Migrations and schedules are our own source text, where a word may stand that no row may hold.
        const isSource = name.startsWith('supabase_migrations.');
        for (const { row } of await sql.unsafe<{ row: string }[]>(
            `select t::text as row from ${name} as t`
        )) {
            rows += 1;
            const hex = row.toLowerCase();
            for (const what of unique) {
                const bytes = Buffer.from(what).toString('hex');
                if (row.toLowerCase().includes(what.toLowerCase()) || hex.includes(bytes))
                    finds.push({ where: name, what });
            }
            if (isSource) continue;
            for (const giveaway of GIVEAWAYS) {
                const [what] = giveaway.exec(row) ?? [];
                if (what !== undefined) finds.push({ where: name, what });
            }
        }
    }
    return { rows, tables: tables.length, finds };
}

/** Every file below a folder, as bytes. */
function searchFiles(folder: string, isMeant: (path: string) => boolean): { files: number; finds: Find[] } {
    const finds: Find[] = [];
    const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => isMeant(relative(folder, path)));
    for (const path of paths) {
        const bytes = readFileSync(path);
        for (const what of unique)
            if (bytes.includes(what)) finds.push({ where: relative(folder, path), what });
    }
    return { files: paths.length, finds };
}

describe('after payments were declined, challenged, made and given back', () => {
    it('[PAY-1] Stripe holds what was typed on its page, so that there is something to find', () => {
        const { finds } = searchFiles(own.stateDir, (path) => path.startsWith('stripe.sqlite'));
        const found = new Set(finds.map(({ what }) => what));
        for (const what of [typed.billingName, typed.billingPostalCode, ...fingerprints])
            expect(found).toContain(what);
    });

    it('[PAY-1] no value in any table of any schema tells of a card or of its holder', async () => {
        const { rows, tables, finds } = await searchRows();
        expect(finds).toEqual([]);
        expect(rows).toBeGreaterThan(300);
        expect(tables).toBeGreaterThan(40);
    });

    it('[PAY-1] nor does any file of ours: the database’s own, its journal, the storage, the logs, the mails', async () => {
        await sql`checkpoint`;
        const { files, finds } = searchFiles(
            own.stateDir,
            (path) => !path.startsWith('stripe.sqlite') && !path.startsWith('deno/')
        );
        expect(finds).toEqual([]);
        expect(files).toBeGreaterThan(500);
    });

    it('[PAY-1] nor do the logs of the app and of the functions, which tell of the payments', () => {
        const functions = readFileSync(join(own.stateDir, 'logs', 'functions.log'), 'utf8');
        expect(functions).toContain('"event":"apply"');
        for (const log of [functions, app.said()])
            for (const giveaway of [...GIVEAWAYS.slice(0, 1), ...GIVEAWAYS.slice(3)])
                expect(log).not.toMatch(giveaway);
        for (const what of unique) expect(app.said()).not.toContain(what);
    });

    it('[PAY-1] no column of any schema has a place for it', async () => {
        const columns = await sql<{ name: string }[]>`
            select format('%s.%s.%s', table_schema, table_name, column_name) as name
            from information_schema.columns
            where table_schema not in ('pg_catalog', 'information_schema')
              and column_name ~* '(^|_)(cards?|last_?4|brand|fingerprint|exp|expiry|cvc|cvv|pan|iin|billing)(_|$)'`;
        expect(columns.map(({ name }) => name)).toEqual([]);
    });

    it('[PAY-1] and this search would have found it', async () => {
        await sql`create table private.a_careless_table (payload jsonb, bytes bytea)`;
        try {
            await sql`
                insert into private.a_careless_table values
                    (${sql.json({ card: { brand: 'visa', last4: '4444', exp_year: 2041 } })}, null),
                    (null, convert_to(${`to ${typed.billingName}`}, 'utf8'))`;
            const { finds } = await searchRows();
            const found = finds.map(({ what }) => what);
            expect(new Set(finds.map(({ where }) => where))).toEqual(new Set(['private.a_careless_table']));
            for (const what of ['visa', '4444', '2041', 'last4', typed.billingName])
                expect(found).toContain(what);
        } finally {
            await sql`drop table private.a_careless_table`;
        }
    });
});
