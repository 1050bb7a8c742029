/**
 * A provider of OpenID Connect at the auth server. The client secret goes there and is kept nowhere else.
 *
 * It is handed over as one of the kind that is told its endpoints: in the other kind an address that the provider calls proven
 * would join its person to whoever has it. Here no address comes into that; it is kept beside, for the database to look at.
 */
import { z } from 'npm:zod@4.6.7';
import { Problem } from '../_shared/problem.ts';
import type { Call } from '../_shared/serve.ts';
import { ask, done, gone, unavailable } from './auth-server.ts';

export type OidcProvider = {
    readonly name: string;
    readonly issuer: string;
    readonly client_id: string;
    readonly client_secret: string;
};

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

/** Looks the provider up and hands it over. Throws `sso_provider_not_found`, `sso_provider_unfit`, `sso_is_full`, `auth_unavailable`. */
export async function addOidc(call: Call, identifier: string, provider: OidcProvider): Promise<void> {
    await hand(call, identifier, provider, await lookUp(call, identifier, provider));
}

/** One that is not there is gone already. */
export const removeOidc = async (call: Call, identifier: string): Promise<void> =>
    await gone(await ask(call, 'DELETE', `${PROVIDERS}/${identifier}`));

export const switchOidc = async (call: Call, identifier: string, enabled: boolean): Promise<void> =>
    await done(await ask(call, 'PUT', `${PROVIDERS}/${identifier}`, { enabled }));

/**
 * The endpoints that the provider names. The auth server looks them up, behind its own guard against addresses inside: what a
 * customer types is fetched by nobody else. The provider that it takes for this is off, and gone at once.
 */
async function lookUp(
    call: Call,
    identifier: string,
    { name, issuer, client_id }: OidcProvider
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
    await removeOidc(call, probe);
    if (!found.success) {
        throw new Problem('sso_provider_not_found');
    }
    return found.data.discovery_document;
}

async function hand(
    call: Call,
    identifier: string,
    provider: OidcProvider,
    endpoints: Endpoints
): Promise<void> {
    if (endpoints.userinfo_endpoint === undefined) {
        throw new Problem('sso_provider_unfit');
    }
    const answer = await ask(call, 'POST', PROVIDERS, {
        provider_type: 'oauth2',
        identifier,
        name: provider.name,
        client_id: provider.client_id,
        client_secret: provider.client_secret,
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

/** What a refusal of the auth server means. */
async function refusedBy(
    answer: Response,
    meaning: 'sso_provider_not_found' | 'sso_provider_unfit'
): Promise<Problem> {
    await answer.body?.cancel();
    const code = answer.headers.get('x-sb-error-code');
    if (code === 'over_custom_provider_quota') {
        return new Problem('sso_is_full');
    }
    return answer.status === 400 ? new Problem(meaning) : unavailable(answer);
}
