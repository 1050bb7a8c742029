// What the web tier vouches for, as the database records it.
import { afterAll, describe, expect, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import { aBusiness, call, clientOf, superuser } from '../../support/business.ts';
import { signedIn } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
afterAll(() => sql.end());

type Recorded = {
    via: string;
    trusted: boolean;
    ip: string | null;
    user_agent: string | null;
    request_id: string | null;
};

/** The latest record of a business about its customers. */
async function lastRecord(accountId: string): Promise<Recorded | undefined> {
    const [row] = await sql<Recorded[]>`
        select r.via, r.trusted, origin ->> 0 as ip, origin ->> 1 as user_agent, r.request_id
        from audit.records as r
        join audit.field_values as v on v.record_id = r.id
        cross join lateral (select (v.fields -> '@from' ->> 1)::jsonb) as sent (origin)
        where r.chain_id = ${accountId} and r.entity = 'customer'
        order by r.id desc limit 1`;
    return row;
}

describe('[AUD-1] an act through the web app', () => {
    it('is recorded with the person’s own address, browser and request id, as vouched for', async () => {
        const { accountId, owner } = await aBusiness();
        const visitor = await signedIn(owner, app);
        const response = await visitor.post('/customers/new', {
            account_id: accountId,
            name: 'Priya Nair',
            idempotency_key: randomUUID()
        });
        expect(response.status).toBe(303);
        expect(await lastRecord(accountId)).toEqual({
            via: 'app',
            trusted: true,
            ip: visitor.address,
            user_agent: 'TradersFlow test visitor',
            request_id: response.headers.get('x-request-id')
        });
    });

    it('and one at the Data API with an invented context is not believed', async () => {
        const { accountId, owner } = await aBusiness();
        const context = {
            ip: '203.0.113.99',
            ua: 'canary',
            rid: 'canary',
            sid: null,
            iat: Math.floor(Date.now() / 1000),
            via: 'app'
        };
        const payload = Buffer.from(JSON.stringify(context)).toString('base64');
        const liar = clientOf(owner.accessToken, { 'x-tf-context': `${payload}.${'A'.repeat(43)}=}` });
        await call(liar, 'create_customer', {
            account_id: accountId,
            idempotency_key: randomUUID(),
            customer: { name: 'Priya Nair' },
            site: null
        });
        const record = await lastRecord(accountId);
        expect(record).toMatchObject({ via: 'api', trusted: false });
        expect(record?.ip).not.toBe('203.0.113.99');
        expect(record?.user_agent).not.toBe('canary');
    });
});
