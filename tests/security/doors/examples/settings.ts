// The doors of the first page, money, the trail and the settings.
import { anAuthenticator, type CreationOptions } from '../../../support/authenticator.ts';
import { signIn, type Business } from '../../../support/business.ts';
import { stack } from '../../../support/stack.ts';
import { WHO, changes, key, shows, type Examples } from './example.ts';

const COUNTS =
    'says how many records the chain has and when it was anchored, nothing that the business typed';
const CONNECT = {
    for: ['stranger', 'nobody'] as const,
    by: 'the edge function connect wants a person; and who comes after the first finds the business connected already'
};

const OWN_KEY =
    'a passkey is its person’s own and stands in no row of a business: integration/web/passkeys.test.ts';

/** What the auth server answers to a person at its own door; a refusal is thrown. */
async function asked<Answer>(
    { accessToken }: Business['owner'],
    path: string,
    body?: object,
    method = 'POST'
): Promise<Answer> {
    const answer = await fetch(`${stack().apiUrl}/auth/v1/${path}`, {
        method,
        headers: {
            apikey: stack().publishableKey,
            authorization: `Bearer ${accessToken}`,
            'content-type': 'application/json'
        },
        ...(body ? { body: JSON.stringify(body) } : {})
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as Answer;
}

/** An authenticator app that the person has begun to set up. */
async function aFactor(owner: Business['owner']): Promise<string> {
    const begun = { factor_type: 'totp', friendly_name: key() };
    return (await asked<{ id: string }>(owner, 'factors', begun)).id;
}

/** The answer of a new passkey to the question that the person was asked. */
async function aPasskeyAnswer(
    owner: Business['owner']
): Promise<{ challenge_id: string; credential: object }> {
    type Question = { challenge_id: string; options: CreationOptions };
    // Nobody has more than ten, and a crawl makes one for each time that it knocks.
    const kept = await asked<{ id: string }[]>(owner, 'passkeys', undefined, 'GET');
    if (kept.length > 8)
        for (const { id } of kept) await asked<null>(owner, `passkeys/${id}`, undefined, 'DELETE');
    const question = await asked<Question>(owner, 'passkeys/registration/options', {});
    const phone = anAuthenticator(stack().env.APP_ORIGIN ?? '');
    return { challenge_id: question.challenge_id, credential: phone.create(question.options) };
}

/** A passkey of the person's. */
const aPasskey = async (owner: Business['owner']): Promise<string> =>
    (await asked<{ id: string }>(owner, 'passkeys/registration/verify', await aPasskeyAnswer(owner))).id;

/** Signs the person in once more, and answers that session's id. */
async function anotherSession({ email, password }: Business['owner']): Promise<string> {
    const { accessToken } = await signIn(email, password);
    const claims = Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString();
    return (JSON.parse(claims) as { session_id: string }).session_id;
}

export const settings: Examples = {
    '/(app) load': [{ does: 'neither', because: WHO, request: () => ({ path: '/more/security' }) }],
    '/(app)/money load': [shows(async (of) => (await of.aDraft(), { path: '/money?show=all' }))],
    '/(app)/more load': [{ does: 'neither', because: WHO, request: () => ({ path: '/more' }) }],
    '/(app)/more/audit/anchor GET': [
        {
            does: 'neither',
            because: COUNTS,
            request: (of) => ({ path: `/more/audit/anchor?account_id=${of.accountId}` })
        }
    ],
    '/(app)/more/audit/check action:default': [
        {
            does: 'neither',
            because: COUNTS,
            request: () => ({ path: '/more/audit/check', fields: { anchor: '' } })
        }
    ],
    '/(app)/more/audit/check load': [
        { does: 'neither', because: COUNTS, request: () => ({ path: '/more/audit/check' }) }
    ],
    '/(app)/more/audit/check/pages POST': [
        {
            does: 'neither',
            because: COUNTS,
            request: () => ({ path: '/more/audit/check/pages', json: { after: 0, anchor: '' } })
        }
    ],
    '/(app)/more/audit/export POST': [
        {
            does: 'neither',
            because:
                'a file of the trail, that asks for two permissions: integration/web/audit.test.ts reads it, functions.md says who gets it',
            request: () => ({ path: '/more/audit/export', json: { format: 'jsonl' } })
        }
    ],
    '/(app)/more/audit load': [shows(async (of) => (await of.aCustomer(), { path: '/more/audit' }))],
    '/(app)/more/business load': [
        {
            does: 'shows',
            async request({ owner, accountId, marked }) {
                const { error } = await owner.db
                    .from('accounts')
                    .update({ town: marked })
                    .eq('id', accountId);
                if (error) throw error;
                return { path: '/more/business' };
            }
        }
    ],
    '/(app)/more/business action:default': [
        changes(() => ({
            path: '/more/business',
            fields: {
                name: `Renamed ${key()}`,
                trade: 'Electrician',
                vat_registered: 'on',
                vat_number: '831495816',
                payment_terms_days: '30'
            }
        }))
    ],
    '/(app)/more/payouts load': [
        {
            does: 'neither',
            because: 'says how the business stands with Stripe, nothing that it typed',
            request: () => ({ path: '/more/payouts' })
        }
    ],
    '/(app)/more/payouts action:default': [
        { does: 'changes', thirdCheck: CONNECT, request: () => ({ path: '/more/payouts', fields: {} }) }
    ],
    '/(app)/more/security load': [
        { does: 'neither', because: WHO, request: () => ({ path: '/more/security' }) }
    ],
    '/(app)/more/security/sign-ins load': [
        { does: 'neither', because: WHO, request: () => ({ path: '/more/security/sign-ins' }) }
    ],
    '/(app)/more/security/address load': [
        { does: 'neither', because: WHO, request: () => ({ path: '/more/security/address' }) }
    ],
    '/(app)/more/security/address action:default': [
        {
            does: 'neither',
            because:
                'asks both mailboxes, and nothing changes before they agree: integration/web/credentials.test.ts',
            request: () => ({ path: '/more/security/address', fields: { email: `${key()}@example.test` } })
        }
    ],
    '/(app)/more/security/no-password load': [
        { does: 'neither', because: WHO, request: () => ({ path: '/more/security/no-password' }) }
    ],
    '/(app)/more/security/no-password action:default': [
        {
            does: 'changes',
            endsSession: true,
            request: () => ({ path: '/more/security/no-password', fields: {} })
        }
    ],
    '/(app)/more/security/passkeys load': [
        { does: 'neither', because: WHO, request: () => ({ path: '/more/security/passkeys' }) }
    ],
    '/(app)/more/security/passkeys action:rename': [
        {
            does: 'neither',
            because: OWN_KEY,
            request: async ({ owner }) => ({
                path: '/more/security/passkeys?/rename',
                fields: { passkey_id: await aPasskey(owner), name: 'Mine' }
            })
        }
    ],
    '/(app)/more/security/passkeys action:remove': [
        {
            does: 'neither',
            because: OWN_KEY,
            request: async ({ owner }) => ({
                path: '/more/security/passkeys?/remove',
                fields: { passkey_id: await aPasskey(owner) }
            })
        }
    ],
    '/(app)/more/security/passkeys/new load': [
        { does: 'neither', because: WHO, request: () => ({ path: '/more/security/passkeys/new' }) }
    ],
    '/(app)/more/security/passkeys/new action:default': [
        {
            does: 'neither',
            because: OWN_KEY,
            request: async ({ owner }) => {
                const { challenge_id, credential } = await aPasskeyAnswer(owner);
                const fields = { name: 'Mine', challenge_id, credential: JSON.stringify(credential) };
                return { path: '/more/security/passkeys/new', fields };
            }
        }
    ],
    '/(app)/more/security/passkeys/options POST': [
        {
            does: 'neither',
            because: OWN_KEY,
            request: () => ({ path: '/more/security/passkeys/options', json: {} })
        }
    ],
    '/(app)/more/security action:one': [
        changes(async ({ owner }) => ({
            path: '/more/security?/one',
            fields: { session_id: await anotherSession(owner) }
        }))
    ],
    '/(app)/more/security action:factor': [
        {
            does: 'neither',
            because: 'takes away what its person has begun to set up and never used',
            request: async ({ owner }) => ({
                path: '/more/security?/factor',
                fields: { factor_id: await aFactor(owner) }
            })
        }
    ],
    '/(app)/more/security action:others': [
        {
            does: 'changes',
            endsSession: true,
            request: async ({ owner }) => {
                await anotherSession(owner);
                return { path: '/more/security?/others', fields: {} };
            }
        }
    ],
    '/(app)/more/security action:here': [
        {
            does: 'changes',
            endsSession: true,
            request: () => ({ path: '/more/security?/here', fields: {} })
        }
    ],
    '/(app)/more/security action:everywhere': [
        {
            does: 'changes',
            endsSession: true,
            request: () => ({ path: '/more/security?/everywhere', fields: {} })
        }
    ],
    '/(app)/today load': [shows(async (of) => (await of.aDraft(), { path: '/today' }))]
};
