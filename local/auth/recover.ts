/** Mails asked for again or out of need: a forgotten password, a lost confirmation, a fresh proof of presence. */
import { Hono } from 'hono';
import { z } from 'zod';
import { audit } from './audit.ts';
import { demandCaptcha } from './captcha.ts';
import type { Auth, Env } from './contract.ts';
import { refusal } from './errors.ts';
import { readAddress, sendCode, sendEmailChange } from './mail.ts';
import { readChallenge, startFlow } from './pkce.ts';
import { readBody, requirePerson, text } from './request.ts';
import { inTransaction } from './transactions.ts';
import { findUserByEmail, isConfirmed } from './users.ts';

const Recover = z.object({ email: text, code_challenge: text, code_challenge_method: text });
const Resend = Recover.extend({ type: text, phone: text });

export function recoverRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.post('/recover', async (c) => {
        const caller = c.get('caller');
        auth.limits.request('recover', caller);
        await demandCaptcha(auth, c);
        if (!auth.settings.email.enable_signup)
            throw refusal('email_provider_disabled', undefined, { status: 400 });
        const body = await readBody(c, Recover);
        if (!body.email) throw refusal('validation_failed', 'Password recovery requires an email');
        const address = readAddress(body.email);
        const challenge = readChallenge(body.code_challenge, body.code_challenge_method);
        const user = await findUserByEmail(auth.sql, address);
        if (!user) return c.json({});
        await inTransaction(auth, caller, async (work) => {
            if (challenge) {
                await startFlow(work, {
                    providerType: 'recovery',
                    authenticationMethod: 'recovery',
                    challenge,
                    user
                });
            }
            await audit(work, user, 'user_recovery_requested');
            await sendCode(work, user, 'recovery', challenge);
        });
        return c.json({});
    });

    routes.post('/resend', async (c) => {
        const caller = c.get('caller');
        auth.limits.request('resend', caller);
        await demandCaptcha(auth, c);
        const body = await readBody(c, Resend);
        const types = ['signup', 'email_change', 'sms', 'phone_change'];
        if (!types.includes(body.type)) {
            throw refusal('validation_failed', `Missing one of these types: ${types.join(', ')}`);
        }
        const challenge = readChallenge(body.code_challenge, body.code_challenge_method);
        if (body.type === 'signup' && !body.email) {
            throw refusal('validation_failed', 'Type provided requires an email address');
        }
        if (body.type === 'sms' && !body.phone) {
            throw refusal('validation_failed', 'Type provided requires a phone number');
        }
        if (body.email && body.phone) {
            throw refusal('validation_failed', 'Only an email address or phone number should be provided.');
        }
        if (body.phone) throw refusal('phone_provider_disabled', 'Phone logins are disabled');
        if (!body.email) throw refusal('validation_failed', 'Missing email address or phone number');
        const user = await findUserByEmail(auth.sql, readAddress(body.email));
        if (!user) return c.json({});
        await inTransaction(auth, caller, async (work) => {
            if (body.type === 'signup' && !isConfirmed(user)) {
                await audit(work, user, 'user_confirmation_requested');
                if (challenge) {
                    const method = 'email/signup';
                    await startFlow(work, {
                        providerType: method,
                        authenticationMethod: method,
                        challenge,
                        user
                    });
                }
                await sendCode(work, user, 'signup', challenge);
            } else if (body.type === 'email_change' && user.email_change) {
                if (challenge) {
                    const method = 'email_change';
                    await startFlow(work, {
                        providerType: method,
                        authenticationMethod: method,
                        challenge,
                        user
                    });
                }
                await sendEmailChange(work, user, user.email_change, challenge);
            }
        });
        return c.json({});
    });

    routes.get('/reauthenticate', async (c) => {
        const { user } = await requirePerson(auth, c);
        if (!user.email) {
            throw refusal(
                'validation_failed',
                'Reauthentication requires the user to have an email or a phone number'
            );
        }
        if (!isConfirmed(user)) {
            throw refusal('email_not_confirmed', 'Please verify your email first.', { status: 422 });
        }
        await inTransaction(auth, c.get('caller'), async (work) => {
            await audit(work, user, 'user_reauthenticate_requested');
            await sendCode(work, user, 'reauthentication', null);
        });
        return c.json({});
    });

    return routes;
}
