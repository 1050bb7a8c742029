/**
 * Sets single sign-on of a business up, and takes it off again (AUTH-7). The client secret goes to the auth server and is kept
 * nowhere else; whether somebody may is the database's to say, asked with their own token.
 *
 * POST, with the token of an owner who has just proved who they are
 * - `{account_id, action: 'set_up', name, issuer, client_id, client_secret, role_id}` → `{identifier}`
 * - `{account_id, action: 'end'}` → `{}`
 *
 * Problems: the database's (`owners_only`, `fresh_proof_needed`, `domain_first`, `sso_is_set_up`, `validation_failed`,
 * `not_found`), `sso_provider_not_found` 422 (there is no provider at that address), `sso_provider_unfit` 422 (it tells nobody's
 * address), `sso_is_full` 503 (the project takes no more providers), `auth_unavailable` 503.
 */
import { z } from 'npm:zod@4.6.7';
import { contextOf, requirePerson } from '../_shared/caller.ts';
import { clientOf, dataOf } from '../_shared/person.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, readJson } from '../_shared/request.ts';
import { serve, type Call } from '../_shared/serve.ts';
import { callAuthServer, callService, type Act } from '../_shared/service.ts';

const Body = z.discriminatedUnion('action', [
    z.strictObject({
        account_id: z.guid(),
        action: z.literal('set_up'),
        name: z.string().max(60),
        issuer: z.string().max(500),
        client_id: z.string().max(300),
        client_secret: z.string().min(1).max(1000),
        role_id: z.guid()
    }),
    z.strictObject({ account_id: z.guid(), action: z.literal('end') })
]);
type SetUp = Extract<z.output<typeof Body>, { action: 'set_up' }>;

const Begun = z.object({ identifier: z.string() });
const Identifier = z.string();
const Discovered = z.object({
    discovery_document: z.object({
        authorization_endpoint: z.string(),
        token_endpoint: z.string(),
        userinfo_endpoint: z.string().optional(),
        jwks_uri: z.string().optional()
    })
});
type Endpoints = z.output<typeof Discovered>['discovery_document'];

const PROVIDERS = 'admin/custom-providers';

serve('sso', async (call) => {
    allowMethods(call.request, 'POST');
    const person = requirePerson(call.request);
    const asked = await readJson(call.request, Body);
    const context = await contextOf(call);
    const client = await clientOf(person, call, context);
    const act: Act = { actor: person.userId, requestId: call.requestId, context };
    const { account_id } = asked;
    const settled = (identifier: string, isOn: boolean) =>
        callService(
            act,
            'sso_settled',
            { account_id, identifier, person: person.userId, is_on: isOn },
            z.boolean()
        );
    if (asked.action === 'end') {
        const identifier = Identifier.parse(dataOf(await client.rpc('ending_sso', { account_id })));
        // There first: while the auth server has it, people could still sign in at its own door.
        await takeOff(call, identifier);
        await settled(identifier, false);
        return Response.json({});
    }
    const { name, issuer, client_id, role_id } = asked;
    const { identifier } = Begun.parse(
        dataOf(await client.rpc('begin_sso', { account_id, name, issuer, client_id, role_id }))
    );
    try {
        await hand(call, identifier, asked, await lookUp(call, identifier, asked));
    } catch (failure) {
        await takeOff(call, identifier);
        await settled(identifier, false);
        throw failure;
    }
    await settled(identifier, true);
    return Response.json({ identifier });
});

/**
 * The endpoints that the provider names. The auth server looks them up, behind its own guard against addresses inside: what a
 * customer types is fetched by nobody else. The provider that it takes for this is off, and gone at once.
 */
async function lookUp(
    call: Call,
    identifier: string,
    { name, issuer, client_id }: SetUp
): Promise<Endpoints> {
    const probe = `${identifier}-look`;
    const answer = await ask(call, 'POST', PROVIDERS, {
        provider_type: 'oidc',
        identifier: probe,
        name,
        issuer,
        client_id,
        client_secret: 'not needed to look it up',
        enabled: false
    });
    const found = answer.status === 201 ? Discovered.safeParse(await answer.json()) : null;
    if (found === null) {
        throw await refusedBy(answer, 'sso_provider_not_found');
    }
    await takeOff(call, probe);
    if (!found.success) {
        throw new Problem('sso_provider_not_found');
    }
    return found.data.discovery_document;
}

/**
 * Hands the provider to the auth server, of the kind that is told its endpoints: in the other kind an address that the provider
 * calls proven would join its person to whoever has it. Here no address comes into that; it is kept beside, for the database to
 * look at.
 */
async function hand(call: Call, identifier: string, asked: SetUp, endpoints: Endpoints): Promise<void> {
    if (endpoints.userinfo_endpoint === undefined) {
        throw new Problem('sso_provider_unfit');
    }
    const answer = await ask(call, 'POST', PROVIDERS, {
        provider_type: 'oauth2',
        identifier,
        name: asked.name,
        client_id: asked.client_id,
        client_secret: asked.client_secret,
        authorization_url: endpoints.authorization_endpoint,
        token_url: endpoints.token_endpoint,
        userinfo_url: endpoints.userinfo_endpoint,
        ...(endpoints.jwks_uri === undefined ? {} : { jwks_uri: endpoints.jwks_uri }),
        scopes: ['openid', 'email', 'profile'],
        pkce_enabled: true,
        email_optional: true,
        attribute_mapping: { email: null },
        custom_claims_allowlist: ['email', 'email_verified'],
        enabled: true
    });
    if (answer.status !== 201) {
        throw await refusedBy(answer, 'sso_provider_unfit');
    }
    await answer.body?.cancel();
}

/** One that is not there is gone already. */
async function takeOff(call: Call, identifier: string): Promise<void> {
    const answer = await ask(call, 'DELETE', `${PROVIDERS}/${identifier}`);
    await answer.body?.cancel();
    if (answer.status !== 204 && answer.status !== 404) {
        throw new Problem('auth_unavailable', { cause: `the auth server answered ${answer.status}` });
    }
}

/** What a refusal of the auth server means; its own words name addresses and are not passed on. */
async function refusedBy(
    answer: Response,
    meaning: 'sso_provider_not_found' | 'sso_provider_unfit'
): Promise<Problem> {
    await answer.body?.cancel();
    const code = answer.headers.get('x-sb-error-code');
    if (code === 'over_custom_provider_quota') {
        return new Problem('sso_is_full');
    }
    return answer.status === 400
        ? new Problem(meaning)
        : new Problem('auth_unavailable', { cause: `the auth server answered ${answer.status}` });
}

async function ask(call: Call, method: string, path: string, body?: object): Promise<Response> {
    try {
        return await callAuthServer(path, {
            method,
            headers: { 'content-type': 'application/json', 'x-request-id': call.requestId },
            body: body === undefined ? null : new TextEncoder().encode(JSON.stringify(body))
        });
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
}
