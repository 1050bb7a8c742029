// Canaries: words that are found nowhere else are put wherever a person, a customer or a provider can put anything, and
// then looked for where they must not be.
//
// What somebody types into a note is theirs and stays in the note, a card number too. But what has the form of a card, a key
// or a private link never reaches the audit trail, a log, or a mail to somebody else. A password has no form: it is put
// wherever the product itself could let it slip, and is nowhere afterwards. What the database's own log says of a malformed
// call at the open Data API is the hosting's, and is not looked at here.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../support/app.ts';
import { aBusiness, aPerson, superuser, type Business } from '../support/business.ts';
import { codeFor, oldCodeFor } from '../support/inbox.ts';
import { aStackOfOurOwn, control, delivered, postWebhook, signed } from '../support/payments.ts';
import { freePort } from '../support/port.ts';
import { projectDir, type OwnStack } from '../support/stack.ts';
import { buildVariant } from '../support/variant.ts';
import { aVisitor, signedIn, type Visitor } from '../support/visitor.ts';
import { found, inGroups, processTitles, searchFiles, searchRows, withAForm } from './canaries/planted.ts';
import { doors } from './doors/doors.ts';

type Words = Record<string, string>;

const formed: Words = withAForm();
const card = formed['a card number'] ?? '';
const planted: Words = { ...formed, 'a card number in groups': inGroups(card) };
/** Passwords: what somebody chose, what somebody tried, and what they typed into the wrong field. */
const passwords: Words = {
    'the password': `Chosen-${randomBytes(9).toString('hex')}`,
    'a wrong password': `Tried-${randomBytes(9).toString('hex')}`,
    'a password in a wrong place': `Slipped-${randomBytes(9).toString('hex')}`
};
const slipped = passwords['a password in a wrong place'] ?? '';

let own: OwnStack;
let app: RunningApp;
let sql: Sql;
let business: Business;
let visitor: Visitor;
/** What the stack itself must keep to itself, and what people hold while they are signed in. */
let secrets: Words;
let tokens: Words;
let code: { email: string; value: string };
const refusals: string[] = [];
let taken = 0;

/** What a caller can say about itself besides the request. */
const saying: Record<string, string> = {
    'user-agent': `Browser ${card} ${formed['a key of Stripe']}`,
    'x-request-id': formed['a key of our API'] ?? '',
    referer: `http://elsewhere.example/?password=${slipped}`,
    'x-api-key': slipped
};

/** Keeps what was answered to whoever was refused; counts what was taken. */
async function noted(answer: Promise<Response>): Promise<Response> {
    const response = await answer;
    const body = await response.text();
    if (response.status < 400) taken += 1;
    else refusals.push(`${response.status} ${[...response.headers].join()} ${body}`);
    return response;
}

/** Text fields, with what they take at most; every other field is refused with such words in it. */
const text =
    /^(name|title|description|notes|message|address_line_[12]|town|customer_name|lines\[0\]\.description)$/;

/** Every form and every script's request: once with the words in all that is text, once with a password in every field. */
async function fillInEverything(): Promise<void> {
    const all = Object.values(planted);
    for (const door of doors().filter(({ what, example }) => what !== 'load' && !example.endsSession)) {
        for (const [at, word] of all.entries()) {
            const { path, fields, json } = await door.example.request(business);
            const base = { account_id: business.accountId };
            if (fields) {
                const words = Object.entries(fields).map(([name, value]) => [
                    name,
                    // The message goes by mail to whom it is for, and so is no mail to somebody else.
                    text.test(name) && !path.endsWith('/send') ? `${value} ${word}`.trim() : value
                ]);
                await noted(visitor.post(path, { ...base, ...Object.fromEntries(words) }, saying));
            } else if (json) {
                const named = 'file_name' in json ? { file_name: `${word}.jpg` } : {};
                await noted(visitor.json(path, { ...base, ...json, ...named }, saying));
            } else await noted(visitor.get(path, saying));
            // Once is enough where there is nothing to type.
            if (at === 0) {
                const wrong = Object.fromEntries(
                    Object.entries(fields ?? json ?? {}).map(([name, value]) => [
                        name,
                        text.test(name) || name === 'file_name' ? String(value) : slipped
                    ])
                );
                const send = json ? visitor.json : visitor.post;
                if (fields ?? json) await noted(send(path, { ...base, ...wrong }, saying));
            }
            if (!Object.keys(fields ?? {}).some((name) => text.test(name)) && !('file_name' in (json ?? {})))
                break;
        }
    }
}

/** Addresses, with words in the path and behind the question mark. */
async function goEverywhere(): Promise<void> {
    const query = `?search=${encodeURIComponent(card)}&next=/${slipped}&password=${slipped}&token=${formed['a signed token']}`;
    for (const path of [
        '/sign-in',
        '/customers',
        '/jobs',
        '/money',
        '/nothing',
        '/auth/callback',
        '/portal/invoice'
    ])
        await noted(visitor.get(path + query, saying));
    for (const word of [slipped, ...Object.values(formed)]) {
        for (const path of ['/customers/', '/jobs/', '/invoices/', '/p/'])
            await noted(aVisitor(app.url).get(path + encodeURIComponent(word), saying));
        await noted(visitor.get(`/customers/${encodeURIComponent(word)}`, saying));
    }
}

/** Signing in, with what belongs there and with what does not. Answers the code that came by mail. */
async function signInInEveryWay(): Promise<{ email: string; value: string }> {
    const someone = aVisitor(app.url);
    const email = `newcomer-${randomBytes(6).toString('hex')}@example.test`;
    await noted(someone.post('/sign-in', { email: slipped }, saying));
    await noted(someone.post('/sign-in', { email }, saying));
    const value = await codeFor(email);
    await noted(someone.post('/sign-in/code?/enter', { code: slipped }, saying));
    await noted(someone.post('/sign-in/code?/enter', { code: value }, saying));
    await noted(someone.post('/reset/password', { password: passwords['the password'] ?? '' }, saying));
    await noted(someone.post('/reset/password', { password: 'Short-1' }, saying));
    for (const password of [passwords['a wrong password'] ?? '', slipped, passwords['the password'] ?? '']) {
        await noted(aVisitor(app.url).post('/sign-in/password', { email, password }, saying));
        await noted(aVisitor(app.url).post('/sign-in/password', { email: slipped, password }, saying));
    }
    return { email, value };
}

/** Providers, and whoever pretends to be one. */
async function beAProvider(): Promise<void> {
    const event = (id: string): string =>
        JSON.stringify({
            id,
            object: 'event',
            type: 'payment_intent.succeeded',
            api_version: '2026-10-28.endive',
            created: Math.floor(Date.now() / 1000),
            livemode: false,
            data: { object: { id: 'pi_unknown', object: 'payment_intent', ...formed, password: slipped } }
        });
    await postWebhook(event('evt_unsigned'));
    await postWebhook(event('evt_badly'), { 'stripe-signature': slipped });
    const whole = event(`evt_${randomBytes(8).toString('hex')}`);
    await postWebhook(whole, signed(whole));
    for (const name of [
        'auth-gate/auth/v1/otp',
        'auth-mail',
        'checkout',
        'connect',
        'storage-sign',
        'send-mail'
    ]) {
        const response = await fetch(`${own.info.apiUrl}/functions/v1/${name}`, {
            method: 'POST',
            headers: {
                ...saying,
                apikey: own.info.publishableKey,
                authorization: `Bearer ${business.owner.accessToken}`,
                'content-type': 'application/json',
                'x-tf-context': slipped,
                'webhook-signature': slipped
            },
            body: JSON.stringify({ ...formed, email: slipped, token: slipped, password: slipped })
        });
        refusals.push(await response.text());
    }
}

beforeAll(async () => {
    const port = await freePort();
    own = await aStackOfOurOwn({}, { appPort: port });
    app = await startApp(own.info, port);
    sql = superuser();
    business = await aBusiness({ owner: await aPerson() });
    visitor = await signedIn(business.owner, app.url);

    const { env, secretKey, databaseUrl, superuserUrl, stripeSecretKey, stripeWebhookSecret, mailApiKey } =
        own.info;
    secrets = {
        ...Object.fromEntries(Object.entries(env).filter(([name]) => /KEY|SECRET/.test(name))),
        secretKey,
        stripeSecretKey,
        stripeWebhookSecret,
        mailApiKey,
        'the database’s password': new URL(databaseUrl).password,
        'its superuser’s': new URL(superuserUrl).password
    };
    const { invoiceId } = await business.anInvoice();
    const link = await business.aLink(invoiceId);
    const customer = aVisitor(app.url);
    for (const path of [`/p/${link}`, '/portal/invoice', '/portal/invoice.pdf'])
        await noted(customer.get(path));
    tokens = {
        'an access token': business.owner.accessToken,
        'a refresh token': business.owner.refreshToken,
        'a session’s cookie': visitor.cookies.get('__Host-tf') ?? visitor.cookies.get('__Host-tf.0') ?? '',
        'a private link’s token': link
    };

    await fillInEverything();
    await goEverywhere();
    code = await signInInEveryWay();
    await beAProvider();
    await delivered();
    await control('/net/drain');
}, 600_000);

afterAll(async () => {
    await sql?.end();
    await app?.stop();
    await own?.stopAndForget();
});

it('[AUD-6] the words were taken where people may type them, so that there is something to find', async () => {
    const { finds } = await searchRows(sql, planted, (table) => table.startsWith('public.'));
    expect(taken).toBeGreaterThan(100);
    expect(refusals.length).toBeGreaterThan(35);
    const kept = new Set(finds.map(({ where, what }) => `${where} ${what}`));
    expect([...kept]).toEqual(
        expect.arrayContaining(Object.keys(planted).map((what) => `public.customers ${what}`))
    );
    expect([...kept]).toEqual(expect.arrayContaining(['public.invoice_lines a card number']));
    expect([...kept]).toEqual(expect.arrayContaining(['public.documents a card number']));
});

describe('[AUD-6] the audit trail', () => {
    it('holds no card, key, private link, token or password, in no column of no table', async () => {
        const words = { ...planted, ...passwords, ...secrets, ...tokens };
        const { rows, finds } = await searchRows(sql, words, (table) => table.startsWith('audit.'));
        expect(rows).toBeGreaterThan(300);
        expect(finds).toEqual([]);
    });

    it('says of what was masked that it was', async () => {
        const [row] = await sql<{ masked: number }[]>`
            select count(*)::integer as masked from audit.field_values where fields::text like '%[masked]%'`;
        expect(row?.masked).toBeGreaterThan(20);
    });

    it('says of a secret column only that it changed', async () => {
        const told = await sql<{ said: string }[]>`
            select distinct f.fields -> c.column_name ->> 1 as said
            from audit.records as r
            join audit.field_values as f on f.record_id = r.id
            join audit.watched as w on w.entity = r.entity
            join audit.columns as c on c.table_name = w.table_name and c.class = 'secret'
            where f.fields ? c.column_name`;
        expect(told.length).toBeGreaterThan(0);
        for (const { said } of told)
            expect(said).toMatch(/^\[(null|"\[redacted\]"), (null|"\[redacted\]")\]$/);
    });

    it('has a class for every column of every table that it watches, and secret for what looks like one', async () => {
        const [row] = await sql<{ missing: number; columns: number }[]>`
            select count(*) filter (where c.class is null)::integer as missing, count(*)::integer as columns
            from audit.watched as w
            join pg_attribute as a on a.attrelid = w.table_name::regclass and a.attnum > 0 and not a.attisdropped
            left join audit.columns as c on c.table_name = w.table_name and c.column_name = a.attname`;
        expect(row).toMatchObject({ missing: 0 });
        expect(row?.columns).toBeGreaterThan(100);
        const open = await sql<{ name: string }[]>`
            select c.table_name || '.' || c.column_name as name
            from audit.columns as c
            where c.column_name !~ '^has_' and c.column_name ~ '(^|_)(token|secret|password|hash|url|code)($|_)' and c.class <> 'secret'`;
        expect(open.map(({ name }) => name)).toEqual([]);
    });
});

describe('[AUTH-2] a password', () => {
    it('stands in no table, in no form but its hash', async () => {
        const { rows, finds } = await searchRows(sql, passwords);
        expect(rows).toBeGreaterThan(1_000);
        expect(finds).toEqual([]);
        const hashes = await sql<{ hash: string }[]>`
            select encrypted_password as hash from auth.users where encrypted_password <> ''`;
        expect(hashes.length).toBeGreaterThan(1);
        for (const { hash } of hashes) expect(hash).toMatch(/^\$2[aby]\$1[0-9]\$[./A-Za-z0-9]{53}$/);
    });

    it('stands in no file that anything here keeps: not the database’s own, not the mails’, not a log', async () => {
        // What is still in memory goes to the database's files.
        await sql`checkpoint`;
        const { 'a password in a wrong place': _, ...chosen } = passwords;
        const { files, finds } = searchFiles(own.stateDir, chosen);
        expect(files).toBeGreaterThan(1_000);
        expect(finds).toEqual([]);
        const [kept] = await sql<{ hash: string }[]>`
            select encrypted_password as hash from auth.users where email = ${code.email}`;
        expect(searchFiles(own.stateDir, { 'its hash': kept?.hash ?? '' }).finds.length).toBeGreaterThan(0);
    });

    it('is not sent back, whatever was wrong with the form', () => {
        const kinds = ['the password', 'a wrong password'].map((what) => [what, passwords[what] ?? '']);
        expect(refusals.flatMap((page) => found('a refusal', page, Object.fromEntries(kinds)))).toEqual([]);
    });
});

describe('[APP-3] secrets of the product and tokens of people', () => {
    it('stand in no table, but for refresh tokens, which the auth server keeps as hosted does', async () => {
        const { finds } = await searchRows(sql, { ...secrets, ...tokens });
        expect(finds.filter(({ where }) => where !== 'auth.refresh_tokens')).toEqual([]);
    });

    it('stand in no answer to whoever is refused', () => {
        expect(refusals.flatMap((page) => found('a refusal', page, { ...secrets, ...tokens }))).toEqual([]);
    });

    it('stand in no log, and neither does anything that somebody typed or sent', () => {
        const words = { ...planted, ...passwords, ...secrets, ...tokens, 'a code': ` ${code.value} ` };
        const web = app.said();
        expect(web.length).toBeGreaterThan(20_000);
        expect(web.length, 'the log is whole').toBeLessThan(200_000);
        expect(found('the web server’s log', web, words)).toEqual([]);
        const { files, finds } = searchFiles(join(own.stateDir, 'logs'), words);
        expect(files).toBeGreaterThan(2);
        expect(finds).toEqual([]);
    });

    it.skipIf(process.platform !== 'linux')('stand in the title of no process', () => {
        const titles = processTitles();
        expect(titles).toContain('src/server.ts');
        expect(found('a process', titles, { ...secrets, ...tokens, ...passwords })).toEqual([]);
    });

    it('stand in no bundle, though the build finds them in its environment', async () => {
        const environment = Object.fromEntries(
            [
                'SUPABASE_SECRET_KEY',
                'SUPABASE_PUBLISHABLE_KEY',
                'TF_CONTEXT_KEY',
                'TF_WORKER_KEY',
                'STRIPE_SECRET_KEY',
                'STRIPE_WEBHOOK_SECRETS',
                'RESEND_API_KEY',
                'DATABASE_URL',
                'AUDIT_ANCHOR_KEY'
            ].map((name) => [name, `canary-of-the-build-${name.toLowerCase()}`])
        );
        const folder = await buildVariant('canaries', [], environment);
        const { files, finds } = searchFiles(join(folder, 'build'), environment);
        expect(files).toBeGreaterThan(200);
        expect(finds).toEqual([]);
    }, 600_000);

    it('stand in no file of the product: nothing there has the form of a key', () => {
        const forms =
            /\b([sr]k_(live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,}|sb_secret_[A-Za-z0-9_]{16,}|re_[A-Za-z0-9]{24,})|-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=]/;
        for (const folder of ['src', 'static', 'supabase/functions', 'supabase/migrations', 'local']) {
            const wrong: string[] = [];
            searchFiles(join(projectDir, folder), {}, (path) => {
                if (/\.test\.ts$/.test(path)) return false;
                if (forms.test(readFileSync(join(projectDir, folder, path), 'latin1'))) wrong.push(path);
                return false;
            });
            expect(wrong, folder).toEqual([]);
        }
    });
});

describe('[AUD-6] mail', () => {
    it('tells nobody of what somebody else typed, and a code or a private link only whom it is for', async () => {
        const response = await fetch(`${own.info.inboxUrl}/api/messages?limit=500`);
        const messages = (await response.json()) as { to: string[]; subject: string }[];
        expect(messages.length).toBeGreaterThan(3);
        for (const message of messages) {
            const [whole, to] = [JSON.stringify(message), message.to.join()];
            // Whoever joins, and who lets them, is told which business it is, and this one has called itself by planted words.
            const namesTheBusiness =
                / asks (you )?to join | has joined |^You are in the team of | did not let you join$/;
            // And whoever makes a passkey is told by the name that they gave it.
            const namesTheirOwn = to === business.owner.email && /^A passkey was /.test(message.subject);
            const typed = namesTheBusiness.test(message.subject) || namesTheirOwn ? {} : planted;
            expect(
                found(`a mail to ${to}: ${message.subject}`, whole, {
                    ...typed,
                    ...passwords,
                    ...secrets,
                    ...tokens
                })
            ).toEqual([]);
            if (to !== code.email) expect(whole).not.toContain(` ${code.value} `);
        }
        expect(await oldCodeFor(code.email)).toBe(code.value);
    });

    it('leaves no code and no private link in what was queued once it is sent', async () => {
        const [row] = await sql<{ held: number; sent: number }[]>`
            select count(*) filter (where has_secret and data <> '{}')::integer as held, count(*)::integer as sent
            from mail.outbox where state = 'sent'`;
        expect(row).toMatchObject({ held: 0 });
        expect(row?.sent).toBeGreaterThan(3);
    });
});
