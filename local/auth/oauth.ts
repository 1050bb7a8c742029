/** Signing in with a provider: the way out (/authorize) and the way back (/callback, by GET or Apple's POST). */
import { createHash, randomBytes } from 'node:crypto';
import { Hono, type Context } from 'hono';
import type { Auth, Env, Work } from './contract.ts';
import { customProvider } from './custom-sign-in.ts';
import { errorParameters, OAuthError, refusal } from './errors.ts';
import { enterWithIdentity } from './linking.ts';
import { findFlow, isExpired, isPkce, readChallenge, startFlow, type FlowState } from './pkce.ts';
import type { Provider } from './providers.ts';
import { withFragment, withQuery } from './redirects.ts';
import { isUuid } from './request.ts';
import { beginSession } from './sessions.ts';
import { inTransaction, KeepAndRefuse } from './transactions.ts';

type Answer = {
    state: string;
    code: string;
    error: string;
    errorDescription: string;
    user: string | undefined;
};

export function oauthRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.get('/authorize', async (c) => {
        const query = c.req.query();
        const provider = await namedProvider(auth, query.provider ?? '');
        const challenge = readChallenge(query.code_challenge ?? '', query.code_challenge_method ?? '');
        const caller = c.get('caller');
        const own = provider.usesVerifier ? aVerifier() : null;
        const state = await inTransaction(auth, caller, async (work) =>
            startFlow(work, {
                providerType: provider.name,
                authenticationMethod: 'oauth',
                challenge,
                referrer: caller.redirectTo,
                clientStateId: own && (await keepVerifier(work, provider.name, own.verifier)),
                emailOptional: provider.emailOptional
            })
        );
        const page = await provider.authorizeUrl(state, query.scopes ?? '', query, own?.challenge ?? null);
        return c.redirect(page, 302);
    });

    routes.get('/callback', (c) => {
        const query = c.req.query();
        return finish(auth, c, {
            state: query.state ?? '',
            code: query.code ?? '',
            error: query.error ?? '',
            errorDescription: query.error_description ?? '',
            user: query.user
        });
    });

    routes.post('/callback', async (c) => {
        const form = await c.req.parseBody();
        const field = (name: string) => (typeof form[name] === 'string' ? form[name] : '');
        return finish(auth, c, {
            state: field('state'),
            code: field('code'),
            error: field('error'),
            errorDescription: field('error_description'),
            user: field('user') || undefined
        });
    });

    return routes;
}

const namedProvider = async (auth: Auth, name: string): Promise<Provider> =>
    /^custom:/i.test(name) ? customProvider(auth, name) : auth.providers.get(name);

function aVerifier(): { verifier: string; challenge: string } {
    const verifier = randomBytes(32).toString('base64url');
    return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

async function keepVerifier({ db, now }: Work, provider: string, verifier: string): Promise<string> {
    const id = crypto.randomUUID();
    await db`
        insert into auth.oauth_client_states (id, provider_type, code_verifier, created_at)
        values (${id}, ${provider}, ${verifier}, ${now})
    `;
    return id;
}

/** The verifier with which the flow went out, once; null where the provider is asked without one. */
async function spentVerifier({ sql }: Auth, flow: FlowState): Promise<string | null> {
    if (!flow.oauth_client_state_id) return null;
    const [kept] = await sql<{ code_verifier: string }[]>`
        delete from auth.oauth_client_states where id = ${flow.oauth_client_state_id} returning code_verifier
    `;
    if (!kept) throw refusal('bad_oauth_state');
    return kept.code_verifier;
}

async function finish(auth: Auth, c: Context<Env>, answer: Answer): Promise<Response> {
    let flow: FlowState;
    try {
        flow = await loadFlow(auth, answer.state);
    } catch (error) {
        return c.redirect(withQuery(auth.settings.site_url, errorParameters(error)), 303);
    }
    const target = flow.referrer ?? auth.settings.site_url;
    try {
        return c.redirect(await enter(auth, c, flow, answer, target), 302);
    } catch (error) {
        const parameters = errorParameters(error);
        if (parameters.error === 'server_error')
            auth.log(`auth: callback failed: ${(error as Error).message}`);
        return c.redirect(withFragment(withQuery(target, parameters), parameters), 302);
    }
}

async function loadFlow(auth: Auth, state: string): Promise<FlowState> {
    if (!state) throw refusal('bad_oauth_callback', 'OAuth state parameter missing');
    if (!isUuid(state)) throw refusal('bad_oauth_state', 'OAuth state parameter is invalid');
    const flow = await findFlow(auth.sql, state);
    if (!flow) throw refusal('bad_oauth_state');
    if (isExpired(flow, auth.clock.now())) throw refusal('bad_oauth_state', 'OAuth state has expired');
    if (isPkce(flow) && flow.user_id) throw refusal('flow_state_already_used');
    return flow;
}

async function enter(
    auth: Auth,
    c: Context<Env>,
    flow: FlowState,
    answer: Answer,
    target: string
): Promise<string> {
    if (answer.error) throw new OAuthError(answer.error, answer.errorDescription);
    if (!answer.code) throw refusal('bad_oauth_callback');
    const provider = await namedProvider(auth, flow.provider_type);
    const tokens = await provider.redeem(answer.code, answer.user, await spentVerifier(auth, flow));
    if (!tokens.person.email && !flow.email_optional) {
        throw refusal('unexpected_failure', 'Error getting user email from external provider');
    }
    return inTransaction(auth, c.get('caller'), async (work) => {
        const { db, now } = work;
        // Whoever takes the flow's row first goes on; the same answer posted twice finds it used.
        const [open] = await db<{ user_id: string | null }[]>`
            select user_id from auth.flow_state where id = ${flow.id} for update
        `;
        if (!open || open.user_id) throw refusal('flow_state_already_used');
        const user = await enterWithIdentity(work, flow.provider_type, tokens.person, flow.email_optional);
        if (user instanceof KeepAndRefuse) return user;
        if (isPkce(flow)) {
            await db`
                update auth.flow_state
                set user_id = ${user.id},
                    provider_access_token = ${tokens.accessToken},
                    provider_refresh_token = ${tokens.refreshToken},
                    auth_code_issued_at = ${now},
                    updated_at = ${now}
                where id = ${flow.id}
            `;
            return withQuery(target, { code: flow.auth_code ?? '' });
        }
        await db`delete from auth.flow_state where id = ${flow.id}`;
        const { body } = await beginSession(work, user, 'oauth');
        return withFragment(target, {
            access_token: String(body.access_token),
            expires_at: String(body.expires_at),
            expires_in: String(body.expires_in),
            provider_token: tokens.accessToken,
            ...(tokens.refreshToken ? { provider_refresh_token: tokens.refreshToken } : {}),
            refresh_token: String(body.refresh_token),
            token_type: String(body.token_type)
        });
    });
}
