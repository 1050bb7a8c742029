// Signing in by a SAML 2.0 identity provider: managing providers, the way out and back, and who comes in. The providers are the
// test's own, and say what the test wants.
import { randomBytes, randomUUID } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuth } from '../../local/auth/index.ts';
import { createKeys, newSigningKey } from '../../local/keys.ts';
import { signed, type Answer } from '../../local/saml/answer.ts';
import { anIdp, askedIn, FORMATS, inSignedAssertion, inSignedResponse, type Idp } from '../support/saml.ts';
import { aSamlWorld, type Provider, type SamlWorld } from './saml-world.ts';
import { aMember, anAddress, aVisitor } from './visitors.ts';

let world: SamlWorld;
beforeAll(async () => {
    world = await aSamlWorld();
});
afterAll(() => world.stack.stopAndForget());

describe('a SAML provider that the service key adds', () => {
    it('is kept with its metadata, listed without, changed, and taken away', async () => {
        const other = await anIdp();
        const resource_id = `tf-${randomUUID()}`;
        const made = await world.added({
            metadata_xml: other.metadata,
            resource_id,
            domains: [`${randomUUID()}.example`]
        });
        expect(made.saml).toMatchObject({ entity_id: other.entityId, metadata_xml: other.metadata });
        expect((await world.manage('GET', `/resource_${resource_id}`)).body).toMatchObject({ id: made.id });
        const listed = (await world.manage('GET', `?resource_id_prefix=${resource_id}`)).body as {
            items: Provider[];
        };
        expect(listed.items).toHaveLength(1);
        expect(listed.items[0]?.saml.metadata_xml).toBeUndefined();
        const changed = await world.manage('PUT', `/${made.id}`, { disabled: true, domains: [] });
        expect(changed.body).toMatchObject({
            disabled: true,
            domains: [],
            saml: { entity_id: other.entityId }
        });
        expect((await world.manage('DELETE', `/${made.id}`)).status).toBe(200);
        expect(await world.manage('GET', `/${made.id}`)).toMatchObject({
            status: 404,
            code: 'sso_provider_not_found'
        });
    });

    it('is one under its name, and keeps that name', async () => {
        const other = await anIdp();
        expect(
            await world.manage('POST', '', { type: 'saml', metadata_xml: world.idp.metadata })
        ).toMatchObject({
            status: 422,
            code: 'saml_idp_already_exists'
        });
        expect(
            await world.manage('PUT', `/${world.provider.id}`, { metadata_xml: other.metadata })
        ).toMatchObject({
            status: 400,
            code: 'saml_entity_id_mismatch'
        });
        const domain = `${randomUUID()}.example`;
        const made = await world.added({ metadata_xml: other.metadata, domains: [domain] });
        expect(await world.manage('PUT', `/${world.provider.id}`, { domains: [domain] })).toMatchObject({
            status: 400,
            code: 'sso_domain_already_exists'
        });
        await world.manage('DELETE', `/${made.id}`);
    });

    it.each([
        ['another type', { type: 'oidc' }, 'validation_failed'],
        ['no metadata', { metadata_xml: '' }, 'validation_failed'],
        ['both kinds of them', { metadata_url: 'https://idp.example/metadata' }, 'validation_failed'],
        [
            'metadata without TLS',
            { metadata_xml: '', metadata_url: 'http://idp.example' },
            'validation_failed'
        ],
        ['a format that is none', { name_id_format: 'urn:mine' }, 'validation_failed'],
        ['metadata that are none', { metadata_xml: '<html/>' }, 'unexpected_failure'],
        ['metadata that are no XML', { metadata_xml: 'a < b' }, 'unexpected_failure'],
        [
            'metadata of a service',
            { metadata_xml: '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"/>' },
            'validation_failed'
        ]
    ])('is refused with %s', async (_, wrong, code) => {
        const { metadata } = await anIdp();
        expect(
            (await world.manage('POST', '', { type: 'saml', metadata_xml: metadata, ...wrong })).code
        ).toBe(code);
    });

    it('is nobody’s to add without the service key', async () => {
        const { metadata } = await anIdp();
        const params = { type: 'saml', metadata_xml: metadata };
        const { status } = await world.manage('POST', '', params, world.stack.info.publishableKey);
        expect([401, 403]).toContain(status);
    });
});

describe('[AUTH-7] signing in by SAML', () => {
    it('is told of in the settings, and in metadata that name where answers go', async () => {
        const settings = await fetch(`${world.authUrl}/settings`, {
            headers: { apikey: world.stack.info.publishableKey }
        });
        expect(await settings.json()).toMatchObject({ saml_enabled: true });
        const metadata = await fetch(`${world.authUrl}/sso/saml/metadata`);
        expect(metadata.headers.get('content-type')).toContain('application/xml');
        const xml = await metadata.text();
        expect(xml).toContain(`entityID="${world.authUrl}/sso/saml/metadata"`);
        expect(xml).toContain(`Location="${world.authUrl}/sso/saml/acs"`);
        expect(xml).toContain('WantAssertionsSigned="true"');
    });

    it('leaves with a signed request for the provider’s own page, and finds it by a domain as well', async () => {
        const { asked } = await world.leave();
        expect(asked.url.href.startsWith(world.idp.entityId.replace(/metadata$/, 'sign-in?tenant=1'))).toBe(
            true
        );
        expect(asked.url.searchParams.has('Signature')).toBe(true);
        expect(asked.xml).toContain(`${world.authUrl}/sso/saml/acs`);
        expect(asked.xml).toContain(FORMATS.persistent);
        const other = await anIdp();
        const domain = `${randomUUID()}.example`;
        await world.added({
            metadata_xml: other.metadata,
            domains: [domain],
            name_id_format: FORMATS.emailAddress
        });
        const found = await aVisitor(world.stack.info).auth.signInWithSSO({ domain });
        expect(askedIn(found.data?.url ?? '').xml).toContain(FORMATS.emailAddress);
    });

    it.each([
        ['nobody', { providerId: randomUUID() }, 'sso_provider_not_found'],
        ['no domain of anybody', { domain: 'nobody.example' }, 'sso_provider_not_found']
    ])('leads to %s', async (_, params, code) => {
        const { error } = await aVisitor(world.stack.info).auth.signInWithSSO(params);
        expect(error).toMatchObject({ status: 404, code });
    });

    it.each([
        ['the assertion is signed', inSignedAssertion],
        ['the response is signed', inSignedResponse],
        [
            'both are',
            (answer: Answer, key: Idp['key']) => signed(inSignedAssertion(answer, key), 'Response', key)
        ]
    ])('brings the person back when %s, and knows them again by their lasting name', async (_, sign) => {
        const nameId = { value: randomUUID(), format: FORMATS.persistent };
        const email = anAddress();
        const attributes = { mail: email, displayName: 'Sam Tyler', groups: 'office' };
        const first = await world.enter({ nameId, attributes }, { sign });
        expect(first.user).toMatchObject({
            email,
            app_metadata: { provider: `sso:${world.provider.id}`, providers: [`sso:${world.provider.id}`] },
            user_metadata: {
                iss: world.idp.entityId,
                sub: nameId.value,
                email,
                email_verified: true,
                name: 'Sam Tyler',
                custom_claims: { team: 'none', groups: ['office'] }
            }
        });
        expect(first.to.href).toContain('http://localhost:3000/auth/callback?code=');
        const claims = JSON.parse(
            Buffer.from(first.session?.access_token.split('.')[1] ?? '', 'base64url').toString()
        ) as { amr: { method: string }[] };
        expect(claims.amr.map(({ method }) => method)).toEqual(['sso/saml']);
        const second = await world.enter({ nameId, attributes: { mail: anAddress() } }, { sign });
        expect(second.user?.id).toBe(first.user?.id);
    });

    it('may begin at the provider, as published: then tokens come without a code, and any request may be named', async () => {
        const email = anAddress();
        const { to } = await world.post(
            inSignedAssertion(
                world.about(null, { requestId: 'made-up', attributes: { mail: email } }),
                world.idp.key
            ),
            ''
        );
        expect(new URLSearchParams(to.hash.slice(1)).get('access_token')).toMatch(/^ey/);
    });

    it('leaves a person’s address, password and the rest to their provider', async () => {
        const { visitor, asked } = await world.leave();
        const { to } = await world.post(
            inSignedAssertion(world.about(asked), world.idp.key),
            asked.relayState
        );
        expect((await world.arrived(visitor, to)).session).not.toBeNull();
        const { error } = await visitor.auth.updateUser({ email: anAddress() });
        expect(error).toMatchObject({ status: 422, code: 'user_sso_managed' });
    });

    it('goes nowhere but where the project lets people be sent', async () => {
        const visitor = aVisitor(world.stack.info, { flow: 'pkce' });
        const { data } = await visitor.auth.signInWithSSO({
            providerId: world.provider.id,
            options: { redirectTo: 'https://evil.example/take' }
        });
        const asked = askedIn(data?.url ?? '');
        const { to } = await world.post(
            inSignedAssertion(world.about(asked), world.idp.key),
            asked.relayState
        );
        expect(to.host).not.toContain('evil');
        const begunThere = await world.post(
            inSignedAssertion(world.about(null), world.idp.key),
            'https://evil.example/take'
        );
        expect(begunThere.to.host).not.toContain('evil');
    });

    it('is shut by a provider that is off', async () => {
        const other = await anIdp();
        const { id } = await world.added({ metadata_xml: other.metadata });
        const { asked } = await world.leave(id);
        await world.manage('PUT', `/${id}`, { disabled: true });
        const { error } = await aVisitor(world.stack.info).auth.signInWithSSO({ providerId: id });
        expect(error?.code).toBe('sso_provider_disabled');
        const { to } = await world.post(
            inSignedAssertion(world.about(asked, {}, other), other.key),
            asked.relayState
        );
        expect(to.searchParams.get('error_code')).toBe('sso_provider_disabled');
    });
});

describe('[AUTH-7] whom a SAML provider names', () => {
    it('is never somebody of the common pool, whatever address it says', async () => {
        const member = await aMember(world.stack.info);
        const named = await world.enter({ attributes: { mail: member.email } });
        expect(named.user).toMatchObject({ email: member.email });
        expect(named.user?.id).not.toBe(member.id);
        const { data } = await aVisitor(world.stack.info).auth.admin.getUserById(member.id);
        expect(data.user?.identities?.map(({ provider: by }) => by)).toEqual(['email']);
        const password = await aVisitor(world.stack.info).auth.signInWithPassword(member);
        expect(password.data.user?.id).toBe(member.id);
    });

    it('is never somebody of another provider, by address or by name', async () => {
        const other = await anIdp();
        const { id } = await world.added({ metadata_xml: other.metadata });
        const nameId = { value: randomUUID(), format: FORMATS.persistent };
        const attributes = { mail: anAddress() };
        const here = await world.enter({ nameId, attributes });
        const there = await world.enter({ nameId, attributes }, { from: other, at: id });
        expect(there.user?.id).toBeDefined();
        expect(there.user?.id).not.toBe(here.user?.id);
    });

    it('is the same person under another name with the same address there, as published', async () => {
        const attributes = { mail: anAddress() };
        const first = await world.enter({ attributes });
        expect((await world.enter({ attributes })).user?.id).toBe(first.user?.id);
    });

    it.each([
        [
            'no lasting name',
            { nameId: { value: 'x', format: FORMATS.transient } },
            'saml_assertion_no_user_id'
        ],
        ['no address', { attributes: {} }, 'saml_assertion_no_email']
    ])('is nobody with %s', async (_, other, code) => {
        expect(await world.enter(other)).toMatchObject({ error: code, session: null });
    });

    it('may have the address for a name', async () => {
        const email = anAddress();
        const named = await world.enter({
            nameId: { value: email.toUpperCase(), format: FORMATS.emailAddress },
            attributes: {}
        });
        expect(named.user).toMatchObject({ email, user_metadata: { sub: email } });
    });
});

describe('SAML that is off', () => {
    it('is refused at every door', async () => {
        const url = 'http://auth.example/auth/v1';
        const sql = postgres(world.stack.info.superuserUrl, { max: 1 });
        const server = await createAuth({
            sql,
            keys: await createKeys(await newSigningKey(), url, { now: () => new Date() }),
            config: {
                auth: {
                    hook: {
                        send_email: {
                            enabled: true,
                            uri: 'http://127.0.0.1:9/hook',
                            secrets: `v1,whsec_${randomBytes(32).toString('base64')}`
                        }
                    }
                }
            },
            clock: { now: () => new Date() },
            externalUrl: url,
            fetch,
            log: () => undefined
        });
        const ask = (path: string, init?: RequestInit) =>
            server.fetch(new Request(`http://auth${path}`, init));
        expect(await (await ask('/settings')).json()).toMatchObject({ saml_enabled: false });
        const answers = await Promise.all([
            ask('/sso', { method: 'POST', body: '{}' }),
            ask('/sso/saml/metadata'),
            ask('/sso/saml/acs', { method: 'POST', body: new URLSearchParams() })
        ]);
        expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
        await server.close();
        await sql.end();
    });
});
