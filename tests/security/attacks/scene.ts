// The scene of every attack: bell is the victim, whose typed words all carry one mark; finch holds a business of their own
// and goes for bell's. An attack is over when nothing of bell changed and nothing of bell was shown.
import { randomBytes, randomUUID } from 'node:crypto';
import postgres from 'postgres';
import type { Sql, TransactionSql } from 'postgres';
import { expect } from 'vitest';
import { aBusiness, superuser } from '../../support/business.ts';
import type { Business, Person } from '../../support/business.ts';
import { stack } from '../../support/stack.ts';

export type Things = {
    customerId: string;
    siteId: string;
    jobId: string;
    invoiceId: string;
    draftId: string;
    documentId: string;
    /** Where the issued invoice's PDF lies. */
    objectName: string;
};

export type Scene = {
    bell: Business & Things;
    finch: Business & Things;
    /** As the owner of the database's server: looks, and never attacks. */
    sql: Sql;
    /** A word in everything typed for bell, and nowhere else. */
    mark: string;
    /** One figure over everything that bell holds, objects and memberships included. */
    holdings(): Promise<string>;
    end(): Promise<void>;
};

/** How many attacks of this file were carried out, and how many of them got something. */
const carried = { out: 0, through: 0 };

/** What an attack got to see: anything, as long as it is everything. */
export type Loot = unknown;

/** Both businesses with a customer, a job, a draft and an issued invoice with its PDF. */
export async function theScene(): Promise<Scene> {
    const mark = `mark${randomBytes(8).toString('hex')}`;
    const sql = superuser();
    const [bell, finch] = await Promise.all([furnished('Bell Lane', mark), furnished('Finch & Co')]);
    await withObjectNames(sql, [bell, finch]);
    return {
        bell,
        finch,
        sql,
        mark,
        holdings: () => holdingsOf(sql, bell.accountId),
        end: async () => {
            console.log(
                `attacks: ${carried.out} carried out with bell watched, ${carried.through} successful`
            );
            await sql.end();
        }
    };
}

async function furnished(name: string, marked?: string): Promise<Business & Things> {
    const business = await aBusiness({ name, ...(marked ? { marked } : {}) });
    const { jobId, customerId, siteId } = await business.aJob();
    const draft = await business.aDraft();
    const issued = await business.anInvoice();
    return Object.assign(business, {
        ...{ jobId, customerId, siteId, objectName: '' },
        draftId: draft.invoiceId,
        invoiceId: issued.invoiceId,
        documentId: issued.documentId
    });
}

async function withObjectNames(sql: Sql, businesses: readonly (Business & Things)[]): Promise<void> {
    for (const business of businesses) {
        const [document] = await sql<{ object_name: string }[]>`
            select object_name from public.documents where id = ${business.documentId}
        `;
        business.objectName = document?.object_name ?? '';
    }
}

/** Every row that carries the account, in every schema of ours and in storage; the audit trail apart, which only grows. */
async function holdingsOf(sql: Sql, account: string): Promise<string> {
    const holders = await sql<{ name: string; column: string }[]>`
        select c.oid::regclass::text as name, a.attname as column
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        where c.relkind in ('r', 'p')
          and (
              (c.relnamespace::regnamespace::text in ('public', 'private', 'billing', 'mail') and a.attname in ('account_id', 'owner_id'))
              or (c.oid = 'public.accounts'::regclass and a.attname = 'id')
              or (c.oid = 'storage.objects'::regclass and a.attname = 'bucket_id')
              or (c.oid = 'storage.buckets'::regclass and a.attname = 'id')
          )
        order by c.oid
    `;
    const sums = holders.map(
        ({ name, column }) =>
            `select coalesce(md5(string_agg(t::text, '|' order by t::text)), '-') as sum from ${name} as t where ${column}::text = '${account}'`
    );
    const rows = await sql.unsafe<{ sum: string }[]>(sums.join(' union all '));
    return rows.map(({ sum }) => sum).join(' ');
}

/**
 * Carries an attack out. Fails when anything of bell changed, or when what came back holds bell's mark or one of the
 * `secrets`, which are otherwise unknown to the attacker.
 */
export async function repelled(
    scene: Scene,
    attack: () => Promise<Loot>,
    secrets: readonly string[] = []
): Promise<void> {
    carried.out += 1;
    carried.through += 1;
    const before = await scene.holdings();
    const shown = told(await attack());
    for (const word of [scene.mark, ...secrets]) {
        const at = shown.indexOf(word);
        expect(at < 0 ? '' : shown.slice(Math.max(0, at - 200), at + 100), 'shown to the attacker').toBe('');
    }
    expect(await scene.holdings(), 'what bell holds').toBe(before);
    carried.through -= 1;
}

/** Everything that an attack got back, as text. Bytes are read as they came. */
function told(loot: Loot): string {
    if (loot instanceof Error) return `${loot.name} ${loot.message} ${JSON.stringify(loot)}`;
    if (Array.isArray(loot)) return loot.map(told).join('\n');
    if (typeof loot === 'string') return loot;
    return JSON.stringify(loot, (_, value: unknown) => (value instanceof Error ? told(value) : value)) ?? '';
}

export type Answer = { status: number; headers: Record<string, string>; text: string };

/** A request at the project's own door, as whoever holds the token; headers as given. */
export async function ask(
    path: string,
    options: {
        as?: Person | string | null;
        method?: string;
        headers?: Record<string, string>;
        body?: unknown;
    } = {}
): Promise<Answer> {
    const { as, method = 'GET', headers = {}, body } = options;
    const token = typeof as === 'string' ? as : as?.accessToken;
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const answer = await fetch(`${stack().apiUrl}${path}`, {
        method,
        redirect: 'manual',
        headers: {
            apikey: stack().publishableKey,
            ...(token ? { authorization: `Bearer ${token}` } : {}),
            ...(body === undefined || raw ? {} : { 'content-type': 'application/json' }),
            ...headers
        },
        ...(body === undefined ? {} : { body: raw ? (body as BodyInit) : JSON.stringify(body) })
    });
    // Content-Location says the request back to whoever sent it.
    const { 'content-location': _echo, ...told } = Object.fromEntries(answer.headers);
    return {
        status: answer.status,
        headers: told,
        text: Buffer.from(await answer.arrayBuffer()).toString('latin1')
    };
}

/** What the person's token says: the claims that the Data API runs their statements with. */
export function claimsOf(person: Person): Record<string, unknown> {
    const [, payload = ''] = person.accessToken.split('.');
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}

/**
 * SQL as a person, as if the Data API let them type it: logged in as it is, inside a transaction that ends undone, with
 * everything that was raised or noticed. Each statement has a savepoint, so that one refusal is not the end. What is
 * `prepared` runs before, as the owner of the database.
 */
export async function asSql(
    scene: Scene,
    person: Person,
    statements: readonly string[],
    role = 'authenticated',
    prepared: readonly string[] = []
): Promise<{ rows: Record<string, unknown>[][]; errors: string[]; notices: string[] }> {
    const undo = new Error('undo');
    const said: { rows: Record<string, unknown>[][]; errors: string[]; notices: string[] } = {
        ...{ rows: [], errors: [], notices: [] }
    };
    const run = async (sql: TransactionSql): Promise<void> => {
        for (const statement of prepared) await sql.unsafe(statement);
        await sql`select set_config('request.jwt.claims', ${JSON.stringify(claimsOf(person))}, true)`;
        await sql.unsafe(`set local session authorization authenticator; set local role ${role}`);
        for (const statement of statements) {
            try {
                said.rows.push([...(await sql.savepoint((inner) => inner.unsafe(statement)))]);
            } catch (error) {
                const { code, message, detail = '' } = error as Error & { code: string; detail?: string };
                said.errors.push(`${code} ${message} ${detail}`.trim());
            }
        }
        throw undo;
    };
    const own = postgres(stack().superuserUrl, {
        max: 1,
        onnotice: ({ message = '' }) => void said.notices.push(message)
    });
    await own.begin(run).catch((error: unknown) => {
        if (error !== undo) throw error;
    });
    await own.end();
    return said;
}

/** An id that nothing has. */
export const nobodysId = (): string => randomUUID();
