// Identity providers that the service key adds, by auth-js: managing them, signing in by one, and whom it may be joined to.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { choosePerson, deny, open, type Choice } from './browsing.ts';
import { startMailHook, type MailHook } from './mail-hook.ts';
import { aMember, anAddress, aVisitor, cameFrom, refusalOf } from './visitors.ts';

let hook: MailHook;
let stack: OwnStack;

beforeAll(async () => {
    hook = await startMailHook();
    stack = await startOwnStack({
        migrate: false,
        given: { SEND_EMAIL_HOOK_URI: hook.uri, SEND_EMAIL_HOOK_SECRETS: hook.secrets }
    });
});

afterAll(async () => {
    await stack.stopAndForget();
    await hook.hangUp();
});

const admin = () => aVisitor(stack.info).auth.admin.customProviders;
const anIdentifier = () => `custom:tf-${randomBytes(16).toString('hex')}` as const;

const common = () => ({
    identifier: anIdentifier(),
    name: 'Bell Lane',
    client_id: stack.info.sso.clientId,
    client_secret: stack.info.sso.clientSecret,
    scopes: ['openid', 'email', 'profile']
});
const byDiscovery = () => ({ ...common(), provider_type: 'oidc' as const, issuer: stack.info.sso.url });
/** Endpoints by name, and no address of it reaches the pool in which people are joined. */
const apart = () => ({
    ...common(),
    provider_type: 'oauth2' as const,
    authorization_url: `${stack.info.sso.url}/authorize`,
    token_url: `${stack.info.sso.url}/token`,
    userinfo_url: `${stack.info.sso.url}/userinfo`,
    email_optional: true,
    attribute_mapping: { email: null },
    custom_claims_allowlist: ['email', 'email_verified']
});

async function added<Params extends Parameters<ReturnType<typeof admin>['createProvider']>[0]>(
    params: Params
) {
    const { data, error } = await admin().createProvider(params);
    expect(error).toBeNull();
    if (!data) throw new Error('no provider came back');
    return data;
}

async function leave(provider: string) {
    const visitor = aVisitor(stack.info, { flow: 'pkce' });
    const { data } = await visitor.auth.signInWithOAuth({
        provider: provider as `custom:${string}`,
        options: { skipBrowserRedirect: true }
    });
    const out = await open(data.url ?? '', { headers: cameFrom(stack.info) });
    return { visitor, out };
}

async function enter(provider: string, choice: Choice) {
    const { visitor, out } = await leave(provider);
    expect(out.status).toBe(302);
    const answer = await choosePerson(out.location?.href ?? '', choice);
    const back = await open(answer.location?.href ?? '');
    const code = back.location?.searchParams.get('code') ?? '';
    const exchanged = code ? await visitor.auth.exchangeCodeForSession(code) : null;
    return {
        error: back.location?.searchParams.get('error_code') ?? null,
        session: exchanged?.data.session ?? null,
        user: exchanged?.data.user ?? null
    };
}

describe('a provider that the service key adds', () => {
    it('is told of without its secret, changed, listed by kind, and taken away', async () => {
        const params = apart();
        const made = await added(params);
        expect(made).toMatchObject({ identifier: params.identifier, enabled: true, pkce_enabled: true });
        expect(JSON.stringify(made)).not.toContain(params.client_secret);
        const changed = await admin().updateProvider(params.identifier, { name: 'Bell', enabled: false });
        expect(changed.data).toMatchObject({ name: 'Bell', enabled: false, email_optional: true });
        const { data } = await admin().listProviders({ type: 'oauth2' });
        expect(data?.providers.map(({ identifier }) => identifier)).toContain(params.identifier);
        const other = await admin().listProviders({ type: 'oidc' });
        expect(other.data?.providers.map(({ identifier }) => identifier)).not.toContain(params.identifier);
        expect((await admin().deleteProvider(params.identifier)).error).toBeNull();
        expect(refusalOf((await admin().getProvider(params.identifier)).error)).toEqual({
            status: 404,
            code: 'custom_provider_not_found'
        });
    });

    it('is looked up where it says it is, before it is kept', async () => {
        const made = await added(byDiscovery());
        expect(made.discovery_document).toMatchObject({
            issuer: stack.info.sso.url,
            userinfo_endpoint: `${stack.info.sso.url}/userinfo`
        });
        const nobody = { ...byDiscovery(), issuer: `${stack.info.sso.url}/nobody` };
        expect(refusalOf((await admin().createProvider(nobody)).error)?.code).toBe('validation_failed');
        expect((await admin().getProvider(nobody.identifier)).data).toBeNull();
    });

    it.each([
        ['another prefix', { identifier: 'tf-1' as never }],
        ['no secret', { client_secret: '' }],
        ['no endpoint', { token_url: '' }],
        ['an endpoint without TLS', { token_url: 'http://idp.example/token' }],
        ['an endpoint inside', { token_url: 'https://10.0.0.1/token' }],
        ['an endpoint beside the metadata', { userinfo_url: 'https://169.254.169.254/latest' }],
        [
            'a parameter of the server’s own',
            { authorization_params: { redirect_uri: 'https://evil.example' } }
        ],
        ['a role for the people', { attribute_mapping: { role: 'service_role' } }]
    ])('is refused with %s', async (_, wrong) => {
        const { error } = await admin().createProvider({ ...apart(), ...wrong });
        expect(refusalOf(error)).toEqual({ status: 400, code: 'validation_failed' });
    });

    it('is nobody’s to add without the service key', async () => {
        const { session } = await aMember(stack.info);
        const { status } = await fetch(`${stack.info.apiUrl}/auth/v1/admin/custom-providers`, {
            headers: {
                apikey: stack.info.publishableKey,
                authorization: `Bearer ${session.access_token}`
            }
        });
        expect(status).toBe(403);
    });
});

describe('signing in by such a provider', () => {
    it('[AUTH-7] leaves with a verifier of the server’s own, and brings the person back', async () => {
        const { identifier } = await added(apart());
        const { out } = await leave(identifier);
        expect(out.location?.searchParams.get('code_challenge_method')).toBe('S256');
        const email = anAddress();
        const first = await enter(identifier, { email, name: 'Sam Tyler' });
        expect(first.user).toMatchObject({
            app_metadata: { provider: identifier, providers: [identifier] },
            user_metadata: { name: 'Sam Tyler', custom_claims: { email, email_verified: true } }
        });
        expect(first.user?.email ?? '').toBe('');
        expect((await enter(identifier, { email })).user?.id).toBe(first.user?.id);
    });

    it('[AUTH-7] joins nobody by an address, where the provider’s is mapped away', async () => {
        const member = await aMember(stack.info);
        const { identifier } = await added(apart());
        const stranger = await enter(identifier, { email: member.email, name: 'Mallory' });
        expect(stranger.user?.id).not.toBe(member.id);
        const other = await added(apart());
        const again = await enter(other.identifier, { email: member.email });
        expect([member.id, stranger.user?.id]).not.toContain(again.user?.id);
    });

    it('[AUTH-7] joins whoever has the address by discovery, as the published server does: why we don’t use it', async () => {
        const member = await aMember(stack.info);
        const { identifier } = await added(byDiscovery());
        const joined = await enter(identifier, { email: member.email, name: 'Mallory' });
        expect(joined.user?.id).toBe(member.id);
    });

    it('[AUTH-7] comes back refused when the person cancels, or when the provider takes the app for another', async () => {
        const { identifier } = await added(apart());
        const { out } = await leave(identifier);
        const denied = await open((await deny(out.location?.href ?? '')).location?.href ?? '');
        expect(denied.location?.searchParams.get('error')).toBe('access_denied');
        const wrong = await added({ ...apart(), client_secret: 'not the secret' });
        expect((await enter(wrong.identifier, { email: anAddress(), name: 'Sam' })).error).toBe(
            'unexpected_failure'
        );
    });

    it('[AUTH-7] is refused by one that is off or gone', async () => {
        const { identifier } = await added(apart());
        await admin().updateProvider(identifier, { enabled: false });
        expect((await leave(identifier)).out.status).toBe(400);
        await admin().deleteProvider(identifier);
        expect((await leave(identifier)).out.status).toBe(400);
    });

    it('[AUTH-7] takes an answer of one provider for no sign-in that began at another', async () => {
        const [own, other] = [await added(apart()), await added(apart())];
        const [begun, elsewhere] = [await leave(own.identifier), await leave(other.identifier)];
        const answer = await choosePerson(begun.out.location?.href ?? '', {
            email: anAddress(),
            name: 'Sam'
        });
        const mixed = new URL(answer.location?.href ?? '');
        mixed.searchParams.set('state', elsewhere.out.location?.searchParams.get('state') ?? '');
        const { location } = await open(mixed.href);
        expect(location?.searchParams.get('error_code'), 'its verifier is another').toBe(
            'unexpected_failure'
        );
        expect(location?.searchParams.get('code')).toBeNull();
    });
});
