/** A person's own account: reading it, and changing address, password or data. */
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { audit } from './audit.ts';
import { codeIsGood, tokenHash } from './codes.ts';
import type { Auth, Env, Work } from './contract.ts';
import { refusal } from './errors.ts';
import { readAddress, sendEmailChange } from './mail.ts';
import { tell } from './notices.ts';
import { demandStrength, hashPassword, passwordMatches } from './passwords.ts';
import { readChallenge, startFlow, type Challenge } from './pkce.ts';
import { jsonObject, readBody, requirePerson, text, type Bearer } from './request.ts';
import { endSessions, methodsOf, type SessionRow } from './sessions.ts';
import { inTransaction } from './transactions.ts';
import {
    clearOneTimeTokens,
    findUserClaiming,
    hasVerifiedFactor,
    mergeUserMetadata,
    updateUser,
    userJson,
    type User
} from './users.ts';

const Update = z.object({
    email: text,
    phone: text,
    password: z.string().nullish(),
    current_password: text,
    nonce: text,
    data: z.record(z.string(), z.json()).nullish(),
    app_metadata: jsonObject.nullish(),
    code_challenge: text,
    code_challenge_method: text
});

type UpdateBody = z.output<typeof Update>;

const RECENT_MS = 24 * 3_600_000;

export function userRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.get('/user', async (c) => c.json(userJson((await requirePerson(auth, c)).user)));

    routes.put('/user', async (c) => {
        const bearer = await requirePerson(auth, c);
        auth.limits.request('user', c.get('caller'));
        const body = await readBody(c, Update);
        const challenge = readChallenge(body.code_challenge, body.code_challenge_method);
        const change = await decide(auth, bearer, body);
        const user = await inTransaction(auth, c.get('caller'), (work) =>
            apply(work, bearer, change, challenge)
        );
        return c.json(userJson(user));
    });

    // Settings that switch manual linking on stop the start, so here it is always off.
    const linkingIsOff = async (c: Context<Env>) => {
        await requirePerson(auth, c);
        throw refusal('manual_linking_disabled');
    };
    routes.get('/user/identities/authorize', linkingIsOff);
    routes.delete('/user/identities/:id', linkingIsOff);

    return routes;
}

type Change = {
    address: string | null;
    encryptedPassword: string | null;
    nonce: string | null;
    data: UpdateBody['data'];
};

/** All that can be refused before anything is written; the hash is made here, outside the transaction. */
async function decide(auth: Auth, { user, session }: Bearer, body: UpdateBody): Promise<Change> {
    const address = body.email ? readAddress(body.email) : null;
    const newAddress = address === user.email ? null : address;
    // An empty password is a weak one; none at all is no wish for another.
    if (typeof body.password === 'string') demandStrength(auth.settings, body.password);
    if (Object.keys(body.app_metadata ?? {}).length > 0) {
        throw refusal('not_admin', 'Updating app_metadata requires admin privileges');
    }
    if (body.phone) throw refusal('phone_provider_disabled', 'Phone logins are disabled');
    const sensitive = Boolean(body.password) || newAddress !== null;
    if (sensitive && hasVerifiedFactor(user) && session?.aal !== 'aal2') throw refusal('insufficient_aal');
    if (user.is_sso_user && (sensitive || body.nonce)) throw refusal('user_sso_managed');
    if (newAddress && (await findUserClaiming(auth.sql, newAddress, user.id))) throw refusal('email_exists');
    const recent = session && auth.clock.now().getTime() <= session.created_at.getTime() + RECENT_MS;
    const mustProve = Boolean(body.password) && auth.settings.email.secure_password_change && !recent;
    if (mustProve && !body.nonce) throw refusal('reauthentication_needed');
    if (body.password && user.encrypted_password) {
        await demandCurrentPassword(auth, user, session, body.current_password);
        if (await passwordMatches(body.password, user.encrypted_password)) throw refusal('same_password');
    }
    return {
        address: newAddress,
        encryptedPassword: body.password ? await hashPassword(body.password) : null,
        nonce: mustProve ? body.nonce : null,
        data: body.data
    };
}

/**
 * Where config.toml wants it, whoever changes a password shows that they know the one there is, unless this session
 * began with a mailed code or link: that is how a forgotten one is replaced.
 * @throws AuthError current_password_required, current_password_invalid
 */
async function demandCurrentPassword(
    auth: Auth,
    user: User,
    session: SessionRow | null,
    given: string
): Promise<void> {
    if (!auth.settings.email.require_current_password) return;
    const methods = session ? await methodsOf(auth.sql, session.id) : [];
    if (methods.some((method) => ['otp', 'magiclink', 'recovery'].includes(method))) return;
    if (!given) throw refusal('current_password_required');
    if (!(await passwordMatches(given, user.encrypted_password))) throw refusal('current_password_invalid');
}

async function apply(work: Work, bearer: Bearer, change: Change, challenge: Challenge): Promise<User> {
    let { user } = bearer;
    if (change.nonce !== null) user = await redeemNonce(work, user, change.nonce);
    if (change.encryptedPassword) {
        user = await setPassword(work, user, change.encryptedPassword, bearer.session?.id);
        await audit(work, user, 'user_updated_password');
        await tell(work, user, 'password_changed');
    }
    if (change.data) user = await mergeUserMetadata(work, user, change.data);
    if (change.address) {
        if (challenge) {
            await startFlow(work, {
                providerType: 'email_change',
                authenticationMethod: 'email_change',
                challenge,
                user
            });
        }
        user = await sendEmailChange(work, user, change.address, challenge);
    }
    await audit(work, user, 'user_modified');
    return user;
}

/** Whoever knew the old password may hold sessions and unused codes: all end, but for the session that asks. */
export async function setPassword(
    work: Work,
    user: User,
    encryptedPassword: string,
    exceptSession?: string
): Promise<User> {
    await clearOneTimeTokens(work, user);
    await endSessions(work.db, user.id, exceptSession ? 'others' : 'global', exceptSession);
    return updateUser(work, user, {
        encrypted_password: encryptedPassword,
        confirmation_token: '',
        confirmation_sent_at: null,
        recovery_token: '',
        recovery_sent_at: null,
        email_change_token_current: '',
        email_change_token_new: '',
        email_change_sent_at: null,
        reauthentication_token: '',
        reauthentication_sent_at: null
    });
}

async function redeemNonce(work: Work, user: User, nonce: string): Promise<User> {
    const hash = tokenHash(user.email ?? '', nonce);
    if (!codeIsGood(work, hash, user.reauthentication_token, user.reauthentication_sent_at)) {
        throw refusal('reauthentication_not_valid');
    }
    await clearOneTimeTokens(work, user, 'reauthentication_token');
    return updateUser(work, user, { reauthentication_token: '' });
}
