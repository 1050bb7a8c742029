// The edge function that asks the DNS: who may call it, and what it makes of a resolver that fails.
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { publish } from '../../support/dns.ts';
import { act, asPerson, asWorker, aTradesperson, knock, refusal, type Tradesperson } from './edge.ts';

let owner: Tradesperson;
let stranger: Tradesperson;
let domain_id: string;
const domain = `hart-${randomUUID().slice(0, 8)}.example`;

beforeAll(async () => {
    owner = await aTradesperson();
    stranger = await aTradesperson('Somebody Else Ltd');
    domain_id = await act<string>(owner, 'add_domain', {
        account_id: owner.accountId,
        domain,
        idempotency_key: randomUUID()
    });
    await publish(owner.client, domain);
});

const check = (headers: Record<string, string>, body: Record<string, unknown> = {}): Promise<Response> =>
    knock('domains', { headers, body: { account_id: owner.accountId, domain_id, ...body } });

describe('[ACC-4] looking a domain up', () => {
    it('is for whoever may see the domain', async () => {
        expect(await refusal(await check({}))).toEqual({ status: 401, code: 'sign_in_required' });
        const unknown = { status: 404, code: 'not_found' };
        expect(await refusal(await check(asPerson(stranger)))).toEqual(unknown);
        const theirs = await check(asPerson(stranger), { account_id: stranger.accountId });
        expect(await refusal(theirs)).toEqual(unknown);
        const answer = await check(asPerson(owner));
        expect(await answer.json()).toEqual({ state: 'verified' });
    });

    it('takes nothing that it does not know', async () => {
        const answer = await check(asPerson(owner), { seen: ['tradersflow-verification=anything'] });
        expect(await refusal(answer)).toEqual({ status: 422, code: 'validation_failed' });
    });

    it('of all of them is the project’s own workers’', async () => {
        const forged = await knock('domains', { headers: { 'x-tf-worker': 'x'.repeat(64) }, body: {} });
        expect(await refusal(forged)).toEqual({ status: 401, code: 'worker_key_required' });
        const answer = await knock('domains', { headers: asWorker, body: {} });
        expect(answer.status).toBe(200);
        expect(Object.keys((await answer.json()) as object)).toEqual(['checked', 'unanswered']);
    });

    it('is never told by the person themselves', async () => {
        const { error } = await owner.client
            .schema('service')
            .rpc('domain_looked_up', { account_id: owner.accountId, domain_id, seen: [] });
        expect(error?.code).toBe('42501');
    });
});
