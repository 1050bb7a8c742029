/** The token endpoint: a password, a refresh token or a code with its verifier, exchanged for a session. */
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { audit } from './audit.ts';
import { demandCaptcha } from './captcha.ts';
import type { Auth, Env } from './contract.ts';
import { refusal } from './errors.ts';
import { passwordMatches, weaknessOf } from './passwords.ts';
import { redeemCode } from './pkce.ts';
import { isBanned, readBody, text } from './request.ts';
import { refreshSession } from './refresh.ts';
import { beginSession, type TokenResponse } from './sessions.ts';
import { inTransaction } from './transactions.ts';
import { findUser, findUserByEmail, isConfirmed } from './users.ts';

const Password = z.object({ email: text, phone: text, password: text });
const Refresh = z.object({ refresh_token: text });
const Code = z.object({ auth_code: text, code_verifier: text });

export function tokenRoutes(auth: Auth): Hono<Env> {
    const grants: Record<string, (c: Context<Env>) => Promise<TokenResponse>> = {
        password: (c) => passwordGrant(auth, c),
        refresh_token: async (c) =>
            refreshSession(auth, c.get('caller'), (await readBody(c, Refresh)).refresh_token),
        pkce: (c) => codeGrant(auth, c)
    };
    const routes = new Hono<Env>();

    routes.post('/token', async (c) => {
        const name = c.req.query('grant_type') ?? '';
        if (name === 'id_token' || name === 'web3') return c.notFound();
        const grant = Object.hasOwn(grants, name) ? grants[name] : undefined;
        if (!grant) throw refusal('invalid_credentials', 'unsupported_grant_type');
        await demandCaptcha(auth, c);
        auth.limits.request('token', c.get('caller'));
        const { body, headers } = await grant(c);
        return c.json(body, 200, headers);
    });

    return routes;
}

async function passwordGrant(auth: Auth, c: Context<Env>): Promise<TokenResponse> {
    const caller = c.get('caller');
    const body = await readBody(c, Password);
    if (body.email && body.phone) {
        throw refusal(
            'validation_failed',
            'Only an email address or phone number should be provided on login.'
        );
    }
    if (body.phone) throw refusal('phone_provider_disabled', 'Phone logins are disabled', { status: 422 });
    if (!body.email) throw refusal('validation_failed', 'missing email or phone');
    if (!auth.settings.email.enable_signup) throw refusal('email_provider_disabled');
    const user = await findUserByEmail(auth.sql, body.email);
    if (!user?.encrypted_password) throw refusal('invalid_credentials');
    if (isBanned(user, auth.clock.now())) throw refusal('user_banned', undefined, { status: 400 });
    if (!(await passwordMatches(body.password, user.encrypted_password)))
        throw refusal('invalid_credentials');
    if (!isConfirmed(user)) throw refusal('email_not_confirmed');
    const response = await inTransaction(auth, caller, async (work) => {
        await audit(work, user, 'login', { provider: 'email' });
        return beginSession(work, user, 'password');
    });
    const weakness = weaknessOf(auth.settings, body.password);
    return weakness ? { ...response, body: { ...response.body, weak_password: weakness } } : response;
}

async function codeGrant(auth: Auth, c: Context<Env>): Promise<TokenResponse> {
    const body = await readBody(c, Code);
    if (!body.auth_code || !body.code_verifier) {
        throw refusal(
            'validation_failed',
            'invalid request: both auth code and code verifier should be non-empty'
        );
    }
    return inTransaction(auth, c.get('caller'), async (work) => {
        const flow = await redeemCode(work, body.auth_code, body.code_verifier);
        const user = flow.user_id ? await findUser(work.db, flow.user_id) : null;
        if (!user) throw refusal('flow_state_not_found');
        await audit(work, user, 'login', { provider_type: flow.provider_type });
        const response = await beginSession(work, user, flow.authentication_method);
        return {
            ...response,
            body: {
                ...response.body,
                ...(flow.provider_access_token ? { provider_token: flow.provider_access_token } : {}),
                ...(flow.provider_refresh_token
                    ? { provider_refresh_token: flow.provider_refresh_token }
                    : {})
            }
        };
    });
}
