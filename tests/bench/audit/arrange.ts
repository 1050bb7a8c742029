// What the audit bench writes on: businesses with an owner who is signed in, and requests as our web tier sends them.
import { createHmac, randomUUID } from 'node:crypto';
import postgres from 'postgres';
import type { Sql } from 'postgres';
import { installBuilders } from '../../database/pgtap.ts';
import { startOwnStack, type OwnStack, type StackInfo } from '../../support/stack.ts';

export type Business = { accountId: string; ownerId: string; sessionId: string; customerId: string };
export type Ground = {
    stack: OwnStack;
    /** A superuser, whom event triggers leave alone. */
    sql: Sql;
    businesses: Business[];
};

export const connect = (url: string, max: number): Sql => postgres(url, { max, onnotice: () => undefined });

/** A stack of its own, with fsync on or off, and so many businesses of one customer each. */
export async function aGround(durable: boolean, businesses: number): Promise<Ground> {
    const stack = await startOwnStack({ durable });
    const owner = connect(stack.info.databaseUrl, 1);
    const sql = connect(stack.info.superuserUrl, 4);
    await installBuilders(owner);
    const made: Business[] = [];
    for (let index = 0; index < businesses; index += 1) {
        const name = `bench ${index}`;
        await owner`select tests.business(${name})`;
        const [business] = await owner<Business[]>`
            insert into public.customers (account_id, name)
            select b.id, 'Customer' from tests.things as b where b.name = ${name}
            returning account_id as "accountId", id as "customerId",
                (select o.id from tests.things as o where o.name = ${`${name} owner`}) as "ownerId",
                (select o.session_id from tests.things as o where o.name = ${`${name} owner`}) as "sessionId"`;
        if (!business) throw new Error(`The business ${name} was not made.`);
        made.push(business);
    }
    await owner.end();
    return { stack, sql, businesses: made };
}

export async function leave({ stack, sql }: Ground): Promise<void> {
    await sql.end();
    await stack.stopAndForget();
}

/** The signed x-tf-context of a request of this person through the web app. Good for a minute. */
function contextOf(info: StackInfo, sessionId: string): string {
    const payload = Buffer.from(
        JSON.stringify({
            ip: '203.0.113.9',
            ua: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)',
            rid: randomUUID(),
            sid: sessionId,
            iat: Math.floor(Date.now() / 1000),
            via: 'app'
        })
    ).toString('base64');
    const key = Buffer.from(info.env.TF_CONTEXT_KEY ?? '', 'hex');
    return `${payload}.${createHmac('sha256', key).update(payload).digest('base64')}`;
}

/** Makes a connection what the Data API makes of it for a request of the business's owner. */
export async function actAsOwner(connection: Sql, info: StackInfo, business: Business): Promise<void> {
    const headers = {
        host: '127.0.0.1:54321',
        accept: '*/*',
        'user-agent': 'node',
        'x-forwarded-for': '127.0.0.1',
        'x-tf-context': contextOf(info, business.sessionId),
        apikey: info.publishableKey,
        authorization: `Bearer ${'x'.repeat(700)}`
    };
    const claims = {
        sub: business.ownerId,
        role: 'authenticated',
        session_id: business.sessionId,
        aal: 'aal1',
        email: 'owner@people.example'
    };
    await connection`
        select set_config('request.headers', ${JSON.stringify(headers)}, false),
            set_config('request.jwt.claims', ${JSON.stringify(claims)}, false),
            set_config('request.method', 'PATCH', false),
            set_config('role', 'authenticated', false)`;
    // What the Data API runs before a request, and has until the request ends.
    await connection.begin(async (request) => {
        await request`select private.before_request()`;
        await request`select set_config('tf.request', current_setting('tf.request'), false)`;
    });
}
