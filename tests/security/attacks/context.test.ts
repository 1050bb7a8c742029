// Attacks on who is written down as having acted, and from where: x-tf-context forged, bent, borrowed or late. Nothing of
// this opens a row; each must leave the asker's own name, and no claimed address, in the trail.
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stack } from '../../support/stack.ts';
import { ask, claimsOf, repelled, theScene } from './scene.ts';
import type { Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

const CLAIMED = '203.0.113.77';
const now = (): number => Math.floor(Date.now() / 1000);
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');
const key = (): Buffer => Buffer.from(stack().env.TF_CONTEXT_KEY ?? '', 'hex');
const mac = (payload: string, secret: Buffer | string): string =>
    createHmac('sha256', secret).update(payload).digest('base64');

/** What our own web tier would vouch for, about finch's owner. */
const context = (change: object = {}): object => ({
    ...{
        ip: CLAIMED,
        ua: 'claimed',
        rid: randomUUID(),
        sid: claimsOf(scene.finch.owner).session_id,
        iat: now(),
        via: 'app'
    },
    ...change
});
const signed = (claims: object, secret: Buffer | string = key()): string => {
    const payload = encode(claims);
    return `${payload}.${mac(payload, secret)}`;
};

type Written = { actor_kind: string; actor_id: string; via: string; trusted: boolean; origin: string };

/** finch's owner changes a customer of their own with that header; what the trail says of it. */
async function written(header: Record<string, string>): Promise<Written> {
    const answer = await ask(`/rest/v1/customers?id=eq.${scene.finch.customerId}`, {
        ...{ as: scene.finch.owner, method: 'PATCH', body: { notes: randomUUID() } },
        headers: { ...header, prefer: 'return=representation' }
    });
    expect(JSON.parse(answer.text)).toHaveLength(1);
    const [record] = await scene.sql<Written[]>`
        select r.actor_kind, r.actor_id, r.via, r.trusted, coalesce(v.fields ->> '@from', '') as origin
        from audit.records as r
        left join audit.field_values as v on v.record_id = r.id
        where r.chain_id = ${scene.finch.accountId}
        order by r.id desc
        limit 1
    `;
    if (!record) throw new Error('Nothing was written down.');
    return record;
}

/** The act stands under the asker's own name, as one of the open Data API, without the claimed address. */
async function notBelieved(header: string): Promise<void> {
    await repelled(scene, async () => {
        const record = await written({ 'x-tf-context': header });
        expect(record).toMatchObject({
            ...{ actor_kind: 'person', actor_id: scene.finch.owner.id },
            ...{ via: 'api', trusted: false }
        });
        expect(record.origin).not.toContain(CLAIMED);
        return record;
    });
}

test('[AUD-1] the context that all of these imitate is believed', async () => {
    const record = await written({ 'x-tf-context': signed(context()) });
    expect(record).toMatchObject({ via: 'app', trusted: true, actor_id: scene.finch.owner.id });
    expect(record.origin).toContain(CLAIMED);
});

describe('without the key', () => {
    test.each<[string, () => string]>([
        ['unsigned', () => `${encode(context())}.`],
        ['without its second part', () => encode(context())],
        ['signed by another key', () => signed(context(), randomBytes(32))],
        ['signed by the key as text', () => signed(context(), stack().env.TF_CONTEXT_KEY ?? '')],
        [
            'signed by the workers’ key',
            () => signed(context(), Buffer.from(stack().env.TF_WORKER_KEY ?? '', 'hex'))
        ],
        ['signed by an empty key', () => signed(context(), '')],
        ['signed by the publishable key', () => signed(context(), stack().publishableKey)],
        ['with a mac of nothing but A', () => `${encode(context())}.${'A'.repeat(43)}=`],
        ['as a token of the auth server', () => scene.finch.owner.accessToken],
        ['in plain words', () => JSON.stringify(context())]
    ])('[AUD-1] a context %s is not believed', async (_, make) => {
        await notBelieved(make());
    });
});

describe('bent', () => {
    const genuine = (): [string, string] => {
        const [payload = '', code = ''] = signed(context()).split('.');
        return [payload, code];
    };

    test.each<[string, () => string]>([
        ['with its mac cut', () => signed(context()).slice(0, -1)],
        ['with its mac grown', () => `${signed(context())}A`],
        ['with its body grown', () => genuine().join('A.')],
        ['with its body changed', () => `${encode(context({ ip: '198.51.100.1' }))}.${genuine()[1]}`],
        ['with padding', () => `${genuine()[0]}=.${genuine()[1]}=`],
        ['with a third part', () => `${signed(context())}.${genuine()[1]}`],
        [
            'in another alphabet',
            () => `${genuine()[0]}.${genuine()[1].replaceAll('+', '-').replaceAll('/', '_').replace('=', '')}`
        ],
        ['in capitals', () => signed(context()).toUpperCase()],
        ['twice in one header', () => `${signed(context())}, ${signed(context())}`],
        ['percent-encoded', () => signed(context()).replace('.', '%2E')],
        [
            'with letters that only look alike',
            () => encodeURIComponent(signed(context()).replace('.', '\u2024'))
        ]
    ])('[AUD-1] a context %s is not believed', async (_, make) => {
        await notBelieved(make());
    });
});

test('[AUD-1] a header named like the setting in which a context is kept is only a header', async () => {
    const kept = `(${CLAIMED},claimed,${randomUUID()},app,t,${scene.finch.owner.id},)`;
    const record = await written({ 'tf.request': kept, 'request.tf.request': kept });
    expect(record).toMatchObject({ via: 'api', trusted: false, actor_id: scene.finch.owner.id });
    expect(record.origin).not.toContain(CLAIMED);
});

test('[AUD-1] bytes that are no text in a context stop the request, and nothing is written', async () => {
    const noted = (): Promise<unknown> =>
        scene.sql`select notes from public.customers where id = ${scene.finch.customerId}`;
    const before = await noted();
    const answer = await ask(`/rest/v1/customers?id=eq.${scene.finch.customerId}`, {
        ...{ as: scene.finch.owner, method: 'PATCH', body: { notes: 'by bytes' } },
        headers: { 'x-tf-context': signed(context()).replace('.', '\u00b7') }
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await noted()).toEqual(before);
});

describe('borrowed and late', () => {
    test.each<[string, () => object]>([
        ['of bell’s session', () => ({ sid: claimsOf(scene.bell.owner).session_id })],
        ['of no session', () => ({ sid: null })],
        ['of a session that never was', () => ({ sid: randomUUID() })],
        ['made 61 seconds ago', () => ({ iat: now() - 75 })],
        ['made in the future', () => ({ iat: now() + 75 })],
        ['without a time', () => ({ iat: undefined })]
    ])('[AUD-1] a context %s is not believed, although it is signed', async (_, change) => {
        await notBelieved(signed(context(change())));
    });

    test.each<[string, () => object]>([
        [
            'that names bell’s owner as the actor',
            () => ({ act: scene.bell.owner.id, person_id: scene.bell.owner.id })
        ],
        ['that names another account', () => ({ account_id: scene.bell.accountId })],
        ['that names a customer', () => ({ actor_kind: 'customer', actor_id: scene.bell.customerId })]
    ])('[AUD-1] a person’s own context %s leaves them the actor', async (_, change) => {
        const record = await written({ 'x-tf-context': signed(context(change())) });
        expect(record).toMatchObject({ actor_kind: 'person', actor_id: scene.finch.owner.id });
    });

    test('[ISO-1] a context, however good, opens no row of another account', async () => {
        const header = signed(
            context({ sid: claimsOf(scene.bell.owner).session_id, act: scene.bell.owner.id })
        );
        await repelled(scene, async () => {
            const answers = await Promise.all([
                ask(`/rest/v1/customers?account_id=eq.${scene.bell.accountId}`, {
                    as: scene.finch.owner,
                    headers: { 'x-tf-context': header }
                }),
                ask(`/rest/v1/customers?account_id=eq.${scene.bell.accountId}`, {
                    headers: { 'x-tf-context': header }
                })
            ]);
            expect(answers[0]?.text).toBe('[]');
            expect(answers[1]?.text).toContain('42501');
            return answers;
        });
    });
});

describe('addresses that are claimed', () => {
    test.each([
        ...['x-forwarded-for', 'x-real-ip', 'forwarded', 'cf-connecting-ip', 'true-client-ip', 'x-client-ip'],
        ...['sb-forwarded-for', 'x-envoy-external-address', 'fastly-client-ip', 'client-ip']
    ])('[AUD-1] %s of a person’s own is not written down as where they were', async (name) => {
        const value = name === 'forwarded' ? `for=${CLAIMED}` : CLAIMED;
        const record = await written({ [name]: value });
        expect(record.trusted).toBe(false);
        expect(record.origin).not.toContain(CLAIMED);
        const twice = await written({ [name]: `${value}, 127.0.0.1`, 'x-tf-context': 'x' });
        expect(twice.origin).not.toContain(CLAIMED);
    });
});
