/**
 * Google, Apple and Microsoft as OpenID Connect servers: discovery, keys, a page to choose a person on, the code flow with
 * optional PKCE, and tokens that verify. Whoever speaks to the real ones speaks to these without a change.
 *
 * Only the authorisation code is kept in memory: a restart in the middle of a sign-in means beginning it again.
 */
import { Hono, type Context } from 'hono';
import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { clientProblem, type AppleKey } from './clients.ts';
import { createGrants, type Grant } from './grants.ts';
import {
    choicePage,
    consentPage,
    formPostPage,
    homePage,
    problemPage,
    registrationPage,
    SCRIPT,
    SECURITY_HEADERS,
    STYLE,
    type Offer
} from './pages.ts';
import { DEFAULT_PEOPLE, isEmailAddress, Person, relayAddress, subjectOf } from './people.ts';
import type { ProviderName } from './people.ts';
import { openState } from './state.ts';

export type { Person } from './people.ts';

export type OidcDeps = {
    provider: ProviderName;
    /** Where this server is reached, and what its tokens call their issuer. */
    issuer: string;
    clientId: string;
    clientSecret: string;
    /** With it the client secret must be a token signed by this key, as Apple demands. */
    appleKey?: AppleKey;
    /** Where key, added people and consents are kept. */
    keysFile: string;
    people?: readonly Person[];
    /** What the consent page calls the app. */
    appName?: string;
    /** The only addresses answers may go to; without it, any on this machine. */
    redirectUris?: readonly string[];
    log: (line: string) => void;
};

export type OidcServer = { fetch(request: Request): Response | Promise<Response>; close(): Promise<void> };

const NAMES: Record<ProviderName, string> = {
    google: 'Google',
    apple: 'Apple',
    azure: 'Microsoft',
    sso: 'your business’s sign-in'
};
/** What somebody who is typed in may be besides: nobody at Apple has an address that Apple has not seen working. */
const OFFERS: Record<ProviderName, readonly Offer[]> = {
    google: ['unverified'],
    apple: [],
    azure: ['unverified', 'unsaid', 'missing'],
    sso: ['unverified', 'unsaid', 'missing']
};
const REQUEST_LIFE = '15m';

const AuthorizeRequest = z.object({
    client_id: z.string().default(''),
    redirect_uri: z.string().default(''),
    response_type: z.string().default(''),
    response_mode: z.enum(['query', 'form_post']).optional(),
    scope: z.string().default(''),
    state: z.string().optional(),
    nonce: z.string().optional(),
    code_challenge: z.string().optional(),
    code_challenge_method: z.enum(['S256', 'plain']).optional(),
    prompt: z.string().optional()
});

type AuthorizeRequest = z.output<typeof AuthorizeRequest>;

const Choice = z.object({
    request: z.string(),
    email: z.string().trim().toLowerCase().optional(),
    name: z.string().trim().max(80).optional(),
    unverified: z.literal('yes').optional(),
    unsaid: z.literal('yes').optional(),
    missing: z.literal('yes').optional(),
    agree: z.literal('yes').optional(),
    share: z.enum(['email', 'relay']).optional(),
    deny: z.literal('yes').optional()
});

/** Builds one provider's stand-in; the first start makes its key. */
export async function createOidc(deps: OidcDeps): Promise<OidcServer> {
    const { provider, clientId } = deps;
    const issuer = deps.issuer.replace(/\/$/, '');
    const called = NAMES[provider];
    const hasUserInfo = provider === 'google' || provider === 'sso';
    const app = deps.appName ?? 'the app on this computer';
    const state = await openState(deps.keysFile);
    const grants = createGrants({ provider, issuer, clientId, state });
    const routes = new Hono();
    const paths =
        provider === 'azure'
            ? { authorize: '/common/oauth2/v2.0/authorize', token: '/common/oauth2/v2.0/token' }
            : { authorize: '/authorize', token: '/token' };

    const everyone = (): readonly Person[] => {
        const given = deps.people ?? DEFAULT_PEOPLE;
        const added = state.people().filter((person) => !given.some(({ email }) => email === person.email));
        return [...given, ...added];
    };
    const say = (c: Context, body: ReturnType<typeof problemPage>, status: 200 | 400 = 200) =>
        c.html(body, status, SECURITY_HEADERS);

    /** The request travels through the pages sealed, so that no form can change what was asked. */
    const seal = (request: AuthorizeRequest, person?: Person) =>
        new SignJWT({ request, ...(person ? { person } : {}) })
            .setProtectedHeader({ alg: 'RS256', kid: state.kid })
            .setAudience(`${issuer}/authorize`)
            .setExpirationTime(REQUEST_LIFE)
            .sign(state.privateKey);
    const Sealed = z.object({ request: AuthorizeRequest, person: Person.optional() });
    const unseal = async (token: string) => {
        const { payload } = await jwtVerify(token, state.publicKey, { audience: `${issuer}/authorize` });
        return Sealed.parse(payload);
    };

    const answer = (
        c: Context,
        request: AuthorizeRequest,
        fields: Record<string, string>
    ): Response | Promise<Response> => {
        const all = { ...fields, ...(request.state === undefined ? {} : { state: request.state }) };
        if (request.response_mode === 'form_post')
            return say(c, formPostPage(called, request.redirect_uri, all));
        const target = new URL(request.redirect_uri);
        for (const [name, value] of Object.entries(all)) target.searchParams.set(name, value);
        return c.redirect(target.href, 303);
    };

    const choose = async (c: Context, request: AuthorizeRequest, problem?: string) =>
        say(
            c,
            choicePage({
                provider: called,
                app,
                request: await seal(request),
                people: everyone(),
                offers: OFFERS[provider],
                ...(problem ? { problem } : {})
            }),
            problem ? 400 : 200
        );

    const discovery = (c: Context, calledItself: string) =>
        c.json({
            issuer: calledItself,
            authorization_endpoint: `${issuer}${paths.authorize}`,
            token_endpoint: `${issuer}${paths.token}`,
            jwks_uri: `${issuer}/keys`,
            ...(hasUserInfo ? { userinfo_endpoint: `${issuer}/userinfo` } : {}),
            response_types_supported: ['code'],
            response_modes_supported: ['query', 'form_post'],
            grant_types_supported: ['authorization_code'],
            subject_types_supported: [hasUserInfo ? 'public' : 'pairwise'],
            id_token_signing_alg_values_supported: ['RS256'],
            scopes_supported:
                provider === 'apple' ? ['openid', 'email', 'name'] : ['openid', 'email', 'profile'],
            token_endpoint_auth_methods_supported:
                provider === 'apple' ? ['client_secret_post'] : ['client_secret_post', 'client_secret_basic'],
            claims_supported: ['aud', 'email', 'email_verified', 'exp', 'iat', 'iss', 'name', 'sub'],
            code_challenge_methods_supported: ['plain', 'S256']
        });
    if (provider === 'azure') {
        // What is for every directory calls itself by a placeholder; each directory has a name and a page of its own.
        routes.get('/common/v2.0/.well-known/openid-configuration', (c) =>
            discovery(c, `${issuer}/{tenantid}/v2.0`)
        );
        routes.get('/:tenant/v2.0/.well-known/openid-configuration', (c) =>
            discovery(c, `${issuer}/${c.req.param('tenant')}/v2.0`)
        );
    } else routes.get('/.well-known/openid-configuration', (c) => discovery(c, issuer));

    routes.get('/keys', (c) => c.json({ keys: [state.publicKey] }));

    routes.get(paths.authorize, async (c) => {
        const parsed = AuthorizeRequest.safeParse(c.req.query());
        if (!parsed.success) return say(c, problemPage(called, z.prettifyError(parsed.error)), 400);
        const request = parsed.data;
        if (request.client_id !== clientId) {
            return say(c, problemPage(called, `No app is registered as “${request.client_id}”.`), 400);
        }
        if (!mayReturnTo(deps.redirectUris, request.redirect_uri)) {
            return say(
                c,
                problemPage(called, `“${request.redirect_uri}” is not registered for this app.`),
                400
            );
        }
        const scopes = request.scope.split(' ').filter(Boolean);
        if (provider === 'apple' && scopes.length > 0 && request.response_mode !== 'form_post') {
            const sentence = 'response_mode must be form_post when name or email scope is requested.';
            return say(c, problemPage(called, sentence), 400);
        }
        if (request.response_type !== 'code')
            return answer(c, request, { error: 'unsupported_response_type' });
        if (request.code_challenge_method && !request.code_challenge) {
            return answer(c, request, { error: 'invalid_request' });
        }
        if (request.prompt === 'none') return answer(c, request, { error: 'login_required' });
        return choose(c, request);
    });

    routes.post('/authorize', async (c) => {
        const form = Choice.safeParse(await c.req.parseBody());
        const sealed = form.success ? await unseal(form.data.request).catch(() => null) : null;
        if (!form.success || !sealed) {
            return say(
                c,
                problemPage(called, 'This page has grown old. Go back to the app and sign in again.'),
                400
            );
        }
        const choice = form.data;
        const { request } = sealed;
        if (choice.deny) {
            return answer(c, request, {
                error: provider === 'apple' ? 'user_cancelled_authorize' : 'access_denied'
            });
        }
        const person = sealed.person ?? (await chosen(choice));
        if (typeof person === 'string') return choose(c, request, person);
        const subject = subjectOf(provider, person.email);
        let consent = state.consent(clientId, subject);
        let first = false;
        if (!consent && provider === 'apple') {
            if (!sealed.person || !choice.agree) {
                const relay = relayAddress(person.email, clientId);
                const ask = { provider: called, app, request: await seal(request, person), person, relay };
                return say(c, consentPage(ask));
            }
            consent = { clientId, subject, relay: choice.share === 'relay' };
            first = true;
            await state.addConsent(consent);
        }
        const email = consent?.relay ? relayAddress(person.email, clientId) : person.email;
        const grant: Grant = {
            subject,
            email,
            emailVerified: person.emailVerified !== false,
            proofUnsaid: person.proofUnsaid === true,
            addressMissing: person.addressMissing === true,
            privateRelay: consent?.relay ?? false,
            name: person.name,
            redirectUri: request.redirect_uri,
            scope: request.scope,
            nonce: request.nonce,
            challenge: request.code_challenge
                ? { value: request.code_challenge, method: request.code_challenge_method ?? 'plain' }
                : undefined
        };
        const fields: Record<string, string> = { code: grants.issueCode(grant) };
        if (first) fields.user = JSON.stringify({ name: splitName(choice.name || person.name), email });
        if (hasUserInfo) fields.scope = request.scope;
        return answer(c, request, fields);
    });

    /** The person picked or typed in, or a sentence that says what is missing. */
    async function chosen(choice: z.output<typeof Choice>): Promise<Person | string> {
        const email = choice.email ?? '';
        const known = everyone().find((person) => person.email === email);
        if (known && !choice.name) return known;
        if (!choice.name) return 'Give a name.';
        if (!isEmailAddress(email)) return `“${email}” is no e-mail address.`;
        const person = {
            name: choice.name,
            email,
            ...(choice.unverified ? { emailVerified: false } : {}),
            ...(choice.unsaid ? { proofUnsaid: true } : {}),
            ...(choice.missing ? { addressMissing: true } : {})
        };
        await state.addPerson(person);
        return person;
    }

    routes.post(paths.token, async (c) => {
        const noStore = { 'cache-control': 'no-store' };
        const refuse = (status: 400 | 401, error: string, error_description: string) => {
            deps.log(`${provider}: token request refused: ${error_description}`);
            return c.json({ error, error_description }, status, noStore);
        };
        const form = await c.req.parseBody();
        const field = (name: string) => (typeof form[name] === 'string' ? form[name] : '');
        const problem = await clientProblem(deps, issuer, c.req.header('authorization'), field);
        if (problem) return refuse(401, 'invalid_client', problem);
        if (field('grant_type') !== 'authorization_code') {
            return refuse(400, 'unsupported_grant_type', 'Only authorization_code is supported.');
        }
        const grant = grants.redeem(field('code'), field('redirect_uri'), field('code_verifier'));
        if (typeof grant === 'string') return refuse(400, 'invalid_grant', grant);
        return c.json(await grants.tokens(grant), 200, noStore);
    });

    routes.on(['GET', 'POST'], '/userinfo', async (c) => {
        if (!hasUserInfo) return c.notFound();
        const token = /^bearer\s+(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
        const claims = await grants.userInfo(token);
        if (claims) return c.json(claims);
        return c.json({ error: 'invalid_token' }, 401, {
            'www-authenticate': 'Bearer error="invalid_token"'
        });
    });

    const asset = (text: string, type: string) => (c: Context) =>
        c.body(text, 200, { ...SECURITY_HEADERS, 'content-type': `${type}; charset=utf-8` });
    routes.get('/page.css', asset(STYLE, 'text/css'));
    routes.get('/page.js', asset(SCRIPT, 'text/javascript'));
    routes.get('/', (c) =>
        say(c, provider === 'sso' ? registrationPage(called, { ...deps, issuer }) : homePage(called))
    );
    routes.onError((error, c) => {
        deps.log(`${provider}: ${c.req.method} ${c.req.path} failed: ${error.message}`);
        return c.json({ error: 'server_error' }, 500);
    });

    return { fetch: (request) => routes.fetch(request), close: async () => undefined };
}

function mayReturnTo(registered: readonly string[] | undefined, target: string): boolean {
    if (registered) return registered.includes(target);
    if (!URL.canParse(target)) return false;
    const { protocol, hostname } = new URL(target);
    return /^https?:$/.test(protocol) && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function splitName(name: string): { firstName: string; lastName: string } {
    const [firstName = '', ...rest] = name.split(/\s+/);
    return { firstName, lastName: rest.join(' ') };
}
