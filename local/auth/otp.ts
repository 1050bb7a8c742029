/** Signing in with a code or link by mail. Unknown addresses are signed up by the same request, unless told not to. */
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { audit } from './audit.ts';
import { demandCaptcha } from './captcha.ts';
import type { Auth, Env } from './contract.ts';
import { refusal } from './errors.ts';
import { readAddress, sendCode } from './mail.ts';
import { unknownPasswordHash } from './passwords.ts';
import { readChallenge, startFlow } from './pkce.ts';
import { jsonObject, readBody, text } from './request.ts';
import { signUp } from './signup.ts';
import { inTransaction } from './transactions.ts';
import { findUserByEmail, isConfirmed } from './users.ts';

const MagicLink = z.object({
    email: text,
    data: jsonObject,
    code_challenge: text,
    code_challenge_method: text
});

const Otp = MagicLink.extend({
    phone: text,
    channel: text,
    create_user: z
        .boolean()
        .nullish()
        .transform((value) => value ?? true)
});

export function otpRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.post('/otp', async (c) => {
        auth.limits.request('otp', c.get('caller'));
        await demandCaptcha(auth, c);
        const body = await readBody(c, Otp);
        if (body.email && body.phone) {
            throw refusal('validation_failed', 'Only an email address or phone number should be provided');
        }
        if (body.email && body.channel) {
            throw refusal('validation_failed', 'Channel should only be specified with Phone OTP');
        }
        readChallenge(body.code_challenge, body.code_challenge_method);
        if (body.email) {
            const known = body.create_user || (await findUserByEmail(auth.sql, readAddress(body.email)));
            if (!known) throw refusal('otp_disabled');
            return magicLink(auth, c, body);
        }
        if (body.phone) throw refusal('phone_provider_disabled');
        throw refusal('validation_failed', 'One of email or phone must be set');
    });

    routes.post('/magiclink', async (c) => {
        auth.limits.request('magiclink', c.get('caller'));
        await demandCaptcha(auth, c);
        return magicLink(auth, c, await readBody(c, MagicLink));
    });

    return routes;
}

async function magicLink(auth: Auth, c: Context<Env>, body: z.output<typeof MagicLink>): Promise<Response> {
    const caller = c.get('caller');
    if (!auth.settings.email.enable_signup) throw refusal('email_provider_disabled');
    const address = readAddress(body.email);
    const challenge = readChallenge(body.code_challenge, body.code_challenge_method);
    let user = await findUserByEmail(auth.sql, address);
    if (!user || !isConfirmed(user)) {
        await signUp(auth, caller, {
            address,
            encryptedPassword: unknownPasswordHash,
            data: body.data,
            challenge
        });
        // The confirmation mail carries the code. Where nothing is confirmed by mail, a code has yet to be sent.
        if (!auth.settings.autoconfirm) return c.json({});
        user = await findUserByEmail(auth.sql, address);
        if (!user) throw refusal('unexpected_failure', 'Database error finding user');
    }
    const known = user;
    await inTransaction(auth, caller, async (work) => {
        if (challenge) {
            await startFlow(work, {
                providerType: 'magiclink',
                authenticationMethod: 'magiclink',
                challenge,
                user: known
            });
        }
        await audit(work, known, 'user_recovery_requested');
        await sendCode(work, known, 'magiclink', challenge);
    });
    return c.json({});
}
