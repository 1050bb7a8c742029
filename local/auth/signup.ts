/** Signing up with an address and a password, and the same path taken by codes sent to unknown addresses. */
import { Hono } from 'hono';
import { z } from 'zod';
import { audit } from './audit.ts';
import { demandCaptcha } from './captcha.ts';
import type { Auth, Caller, Env } from './contract.ts';
import { refusal } from './errors.ts';
import { readAddress, sendCode } from './mail.ts';
import { demandStrength, hashPassword } from './passwords.ts';
import { readChallenge, startFlow, type Challenge } from './pkce.ts';
import { jsonObject, readBody, text, type JsonObject } from './request.ts';
import { beginSession, type TokenResponse } from './sessions.ts';
import { inTransaction } from './transactions.ts';
import {
    confirmEmail,
    dropUnprovenIdentities,
    findUserClaiming,
    insertEmailIdentity,
    insertUser,
    isConfirmed,
    reloadUser,
    userJson,
    type User
} from './users.ts';

const SignUp = z.object({
    email: text,
    phone: text,
    password: text,
    data: jsonObject,
    code_challenge: text,
    code_challenge_method: text
});

export function signupRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.post('/signup', async (c) => {
        const caller = c.get('caller');
        await demandCaptcha(auth, c);
        const body = await readBody(c, SignUp);
        if (!body.email && !body.phone) throw refusal('anonymous_provider_disabled');
        auth.limits.request('signup', caller);
        if (!auth.settings.enable_signup) throw refusal('signup_disabled');
        if (!body.password) throw refusal('validation_failed', 'Signup requires a valid password');
        demandStrength(auth.settings, body.password);
        if (body.email && body.phone) {
            throw refusal(
                'validation_failed',
                'Only an email address or phone number should be provided on signup.'
            );
        }
        const challenge = readChallenge(body.code_challenge, body.code_challenge_method);
        if (body.phone) throw refusal('phone_provider_disabled', 'Phone signups are disabled');
        const outcome = await signUp(auth, caller, {
            address: body.email,
            encryptedPassword: () => hashPassword(body.password),
            data: body.data,
            challenge
        });
        if ('session' in outcome) return c.json(outcome.session.body, 200, outcome.session.headers);
        return c.json(outcome.user);
    });

    return routes;
}

export type SignUpRequest = {
    address: string;
    /** Made only when it is needed, and before the transaction, because hashing takes its time. */
    encryptedPassword: () => Promise<string> | string;
    data: JsonObject;
    challenge: Challenge;
};

export type SignUpOutcome = { session: TokenResponse } | { user: Record<string, unknown> };

/**
 * Signs up an address. Where confirmations are on, the answer for one that is already confirmed is an invented
 * person, so that nobody learns who has an account.
 * @throws AuthError signup_disabled, email_provider_disabled, user_already_exists, over_email_send_rate_limit
 */
export async function signUp(auth: Auth, caller: Caller, request: SignUpRequest): Promise<SignUpOutcome> {
    const { settings } = auth;
    if (!settings.enable_signup) throw refusal('signup_disabled');
    if (!settings.email.enable_signup) {
        throw refusal('email_provider_disabled', 'Email signups are disabled', { status: 400 });
    }
    const address = readAddress(request.address);
    const existing = await findUserClaiming(auth.sql, address);
    if (existing && isConfirmed(existing))
        return repeatedSignUp(auth, caller, existing, address, request.data);
    const encryptedPassword = existing ? null : await request.encryptedPassword();

    return inTransaction(auth, caller, async (work): Promise<SignUpOutcome> => {
        let user =
            existing ??
            (await insertUser(work, {
                email: address,
                encryptedPassword,
                appMetadata: { provider: 'email', providers: ['email'] },
                userMetadata: request.data
            }));
        if (!user.identities.some((identity) => identity.provider === 'email')) {
            const identity = await insertEmailIdentity(work, user, request.data);
            user = await dropUnprovenIdentities(work, await reloadUser(work.db, user), identity);
        }
        if (settings.autoconfirm) {
            await audit(work, user, 'user_signedup', { provider: 'email' });
            user = await confirmEmail(work, user);
            await audit(work, user, 'login', { provider: 'email' });
            return { session: await beginSession(work, user, 'password') };
        }
        await audit(work, user, 'user_confirmation_requested', { provider: 'email' });
        if (request.challenge) {
            await startFlow(work, {
                providerType: 'email',
                authenticationMethod: 'email/signup',
                challenge: request.challenge,
                user
            });
        }
        return { user: userJson(await sendCode(work, user, 'signup', request.challenge)) };
    });
}

async function repeatedSignUp(
    auth: Auth,
    caller: Caller,
    user: User,
    address: string,
    data: JsonObject
): Promise<SignUpOutcome> {
    await inTransaction(auth, caller, (work) =>
        audit(work, user, 'user_repeated_signup', { provider: 'email' })
    );
    if (auth.settings.autoconfirm) throw refusal('user_already_exists');
    const now = auth.clock.now();
    return {
        user: {
            id: crypto.randomUUID(),
            aud: user.aud,
            role: '',
            email: address,
            phone: '',
            confirmation_sent_at: now,
            app_metadata: { provider: 'email', providers: ['email'] },
            user_metadata: data,
            identities: [],
            created_at: now,
            updated_at: now,
            is_anonymous: false
        }
    };
}
