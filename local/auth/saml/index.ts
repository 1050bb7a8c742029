/**
 * Signing in by a SAML 2.0 identity provider: the way out (/sso), what is told of this server (/sso/saml/metadata), and the way
 * back (/sso/saml/acs).
 *
 * As on the published server a sign-in may also begin at the provider: an answer without a relay state, or with an address in
 * its place, is believed whatever request it names, as often as it comes while it is fresh, and its tokens go to the address.
 * And whichever way it came, a session begins here already; one that comes back with a code begins another when the code is
 * exchanged. Whoever runs a project over this has to refuse what they don't want of it themselves.
 *
 * Not here: single logout, artifacts, a second key while one is being changed, the daily reading of metadata by their address.
 */
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { demandCaptcha } from '../captcha.ts';
import type { Auth, Env } from '../contract.ts';
import { errorParameters, refusal } from '../errors.ts';
import { enterWithIdentity } from '../linking.ts';
import { isPkce, readChallenge, startFlow, type FlowState } from '../pkce.ts';
import { isAllowedRedirect, withFragment, withQuery } from '../redirects.ts';
import { isUuid, readBody, text, type JsonObject } from '../request.ts';
import { beginSession } from '../sessions.ts';
import { inTransaction, KeepAndRefuse } from '../transactions.ts';
import { addressOf, believed, claimsOf, issuerOf, sessionEndOf, userIdOf } from './assertion.ts';
import { readMetadata } from './metadata.ts';
import { findSsoProvider, type SsoProvider } from './rows.ts';
import type { ServiceProvider } from './service-provider.ts';

const METHOD = 'sso/saml';
const RELAY_LIFE_MS = 2 * 60_000;

const SignIn = z.object({
    provider_id: z.union([z.literal(''), z.uuid()]).nullish(),
    domain: text,
    redirect_to: text,
    skip_http_redirect: z.boolean().nullish(),
    code_challenge: text,
    code_challenge_method: text
});

export function samlRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();
    const enabled = (): ServiceProvider => {
        if (!auth.saml) throw refusal('saml_provider_disabled');
        return auth.saml;
    };

    routes.post('/sso', async (c) => {
        const sp = enabled();
        auth.limits.request('sso', c.get('caller'));
        await demandCaptcha(auth, c);
        const asked = await readBody(c, SignIn);
        const url = await leave(auth, c, sp, asked);
        return asked.skip_http_redirect ? c.json({ url }) : c.redirect(url, 303);
    });

    routes.get('/sso/saml/metadata', (c) => {
        const headers: Record<string, string> = {
            'content-type': 'application/xml',
            'cache-control': 'public, max-age=600'
        };
        if (c.req.query('download') === 'true')
            headers['content-disposition'] = 'attachment; filename="metadata.xml"';
        return c.body(enabled().metadata(), 200, headers);
    });

    routes.post('/sso/saml/acs', async (c) => {
        const sp = enabled();
        auth.limits.request('saml_assertion', c.get('caller'));
        try {
            return await arrive(auth, c, sp);
        } catch (error) {
            const parameters = errorParameters(error);
            if (parameters.error_code === 'unexpected_failure')
                auth.log(`auth: a SAML answer failed: ${(error as Error).message}`);
            return c.redirect(withQuery(auth.settings.site_url, parameters), 303);
        }
    });

    return routes;
}

async function leave(
    auth: Auth,
    c: Context<Env>,
    sp: ServiceProvider,
    asked: z.output<typeof SignIn>
): Promise<string> {
    const provider = await askedProvider(auth, asked.provider_id ?? '', asked.domain);
    const challenge = readChallenge(asked.code_challenge, asked.code_challenge_method);
    const idp = readMetadata(provider.metadata_xml);
    const relayState = crypto.randomUUID();
    const { url, id } = await sp.request(idp, relayState, provider.name_id_format ?? '');
    await inTransaction(auth, c.get('caller'), async (work) => {
        const flow = await startFlow(work, {
            providerType: METHOD,
            authenticationMethod: METHOD,
            challenge,
            referrer: asked.redirect_to
        });
        await work.db`
            insert into auth.saml_relay_states (
                id, sso_provider_id, request_id, redirect_to, flow_state_id, created_at, updated_at
            ) values (
                ${relayState}, ${provider.id}, ${id}, ${asked.redirect_to}, ${flow}, ${work.now}, ${work.now}
            )
        `;
    });
    return url;
}

async function askedProvider({ sql }: Auth, id: string, domain: string): Promise<SsoProvider> {
    if (id && domain) throw refusal('validation_failed', 'Only one of provider_id or domain supported');
    if (!id && !domain) throw refusal('validation_failed', 'A provider_id or domain needs to be provided');
    const provider = await findSsoProvider(sql, id ? { id } : { domain });
    if (!provider)
        throw refusal(
            'sso_provider_not_found',
            id ? 'No such SSO provider' : 'No SSO provider assigned for this domain'
        );
    if (provider.disabled) throw refusal('sso_provider_disabled', 'SSO Provider is currently disabled');
    return provider;
}

/** What an answer comes back to: the sign-in that began here, or nothing where the provider began it. */
type Begun = { provider: SsoProvider; requestId: string | null; redirectTo: string; flowId: string | null };

async function arrive(auth: Auth, c: Context<Env>, sp: ServiceProvider): Promise<Response> {
    const form = await c.req.parseBody();
    const field = (name: string): string => (typeof form[name] === 'string' ? form[name] : '');
    const answer = field('SAMLResponse').replace(/\s+/g, '');
    const { provider, requestId, redirectTo, flowId } = await begunWith(auth, field('RelayState'), {
        answer,
        artifact: field('SAMLart')
    });
    if (field('SAMLart'))
        throw refusal('unexpected_failure', 'The embedded Auth server resolves no SAML artifacts.');
    const idp = readMetadata(provider.metadata_xml);
    const assertion = await believed(sp, answer, { idp, requestId, now: auth.clock.now() }).catch(
        (error: Error) => {
            auth.log(`auth: a SAML answer is not believed: ${error.message}`);
            // The published server names the whole answer in the address, too.
            const said = Buffer.from(answer, 'base64').toString('utf8');
            throw refusal('validation_failed', `SAML Assertion is not valid ${said}`);
        }
    );
    const person = personOf(assertion, provider);
    const target = isAllowedRedirect(auth.settings, redirectTo) ? redirectTo : auth.settings.site_url;
    return inTransaction(auth, c.get('caller'), async (work) => {
        const { db, now } = work;
        const user = await enterWithIdentity(work, `sso:${provider.id}`, person, false);
        if (user instanceof KeepAndRefuse) return user;
        const flow = flowId === null ? null : await lockedFlow(db, flowId);
        if (flow && isPkce(flow)) {
            if (flow.user_id) throw refusal('flow_state_already_used');
            await db`
                update auth.flow_state set user_id = ${user.id}, updated_at = ${now} where id = ${flow.id}
            `;
        }
        const { body, headers } = await beginSession(work, user, METHOD, sessionEndOf(assertion));
        for (const [name, value] of Object.entries(headers)) c.header(name, value);
        if (flow && isPkce(flow)) return c.redirect(withQuery(target, { code: flow.auth_code ?? '' }), 302);
        return c.redirect(
            withFragment(target, {
                access_token: String(body.access_token),
                expires_at: String(body.expires_at),
                expires_in: String(body.expires_in),
                refresh_token: String(body.refresh_token),
                token_type: String(body.token_type)
            }),
            302
        );
    });
}

async function begunWith(
    auth: Auth,
    relayState: string,
    { answer, artifact }: { answer: string; artifact: string }
): Promise<Begun> {
    if (isUuid(relayState)) return begunHere(auth, relayState);
    const isPlace = relayState.startsWith('/') || URL.canParse(relayState);
    if (relayState !== '' && !isPlace)
        throw refusal('validation_failed', 'SAML RelayState is not a valid UUID or URL');
    if (artifact)
        throw refusal('validation_failed', 'SAML Artifact response can only be used with SP initiated flow');
    if (!answer) throw refusal('validation_failed', 'SAMLResponse is missing');
    let entityId: string;
    try {
        entityId = issuerOf(answer);
    } catch {
        throw refusal('validation_failed', 'SAMLResponse is not a valid XML SAML assertion');
    }
    const provider = await findSsoProvider(auth.sql, { entityId });
    if (!provider) throw refusal('saml_idp_not_found');
    demandOn(provider);
    return { provider, requestId: null, redirectTo: relayState, flowId: null };
}

/** Takes the relay state, which can be done once. */
async function begunHere({ sql, clock }: Auth, id: string): Promise<Begun> {
    const [state] = await sql<
        {
            sso_provider_id: string;
            request_id: string;
            redirect_to: string | null;
            flow_state_id: string | null;
            created_at: Date;
        }[]
    >`
        delete from auth.saml_relay_states where id = ${id} returning *
    `;
    if (!state) throw refusal('saml_relay_state_not_found');
    if (clock.now().getTime() - state.created_at.getTime() >= RELAY_LIFE_MS)
        throw refusal('saml_relay_state_expired');
    const provider = await findSsoProvider(sql, { id: state.sso_provider_id });
    if (!provider) throw refusal('saml_idp_not_found');
    demandOn(provider);
    return {
        provider,
        requestId: state.request_id,
        redirectTo: state.redirect_to ?? '',
        flowId: state.flow_state_id
    };
}

function demandOn({ disabled }: SsoProvider): void {
    if (disabled)
        throw refusal('sso_provider_disabled', 'SSO Provider assigned for this domain is currently disabled');
}

async function lockedFlow(db: Parameters<typeof findSsoProvider>[0], id: string): Promise<FlowState | null> {
    const [flow] = await db<FlowState[]>`select * from auth.flow_state where id = ${id} for update`;
    return flow ?? null;
}

/** What is kept under these names; anything else that the mapping makes stands apart. */
const KNOWN = [
    ...['name', 'family_name', 'given_name', 'middle_name', 'nickname', 'preferred_username', 'profile'],
    ...[
        'picture',
        'website',
        'gender',
        'birthdate',
        'zoneinfo',
        'locale',
        'phone',
        'full_name',
        'avatar_url'
    ],
    ...['slug', 'provider_id', 'user_name']
];

function personOf(assertion: Element, provider: SsoProvider) {
    const subject = userIdOf(assertion);
    if (!subject) throw refusal('saml_assertion_no_user_id');
    const claims = claimsOf(assertion, provider.attribute_mapping);
    const email = typeof claims.email === 'string' && claims.email ? claims.email : addressOf(assertion);
    if (!email) throw refusal('saml_assertion_no_email');
    const said = Object.entries(claims).filter(([name]) => name !== 'email');
    const known = said.filter(([name, value]) => KNOWN.includes(name) && value !== '');
    const custom = said.filter(([name]) => !KNOWN.includes(name));
    return {
        subject,
        email: email.toLowerCase(),
        emailVerified: true,
        claims: {
            ...Object.fromEntries(known),
            iss: provider.entity_id,
            sub: subject,
            email,
            email_verified: true,
            phone_verified: false,
            ...(custom.length > 0 ? { custom_claims: Object.fromEntries(custom) } : {})
        } as JsonObject
    };
}
