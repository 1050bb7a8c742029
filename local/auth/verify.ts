/** Proving an address: by the code typed in (POST) or by the link followed (GET). */
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { audit } from './audit.ts';
import { codeIsGood, PKCE_PREFIX, tokenHash, type TokenType } from './codes.ts';
import type { Auth, Database, Env, Work } from './contract.ts';
import { AuthError, errorParameters, refusal } from './errors.ts';
import { readAddress } from './mail.ts';
import { tell } from './notices.ts';
import { issueCode } from './pkce.ts';
import { withFragment, withQuery } from './redirects.ts';
import { isBanned, readBody, text } from './request.ts';
import { beginSession, type TokenResponse } from './sessions.ts';
import { AUDIENCE } from './settings.ts';
import { inTransaction } from './transactions.ts';
import {
    clearOneTimeTokens,
    confirmEmail,
    findUserByEmail,
    insertEmailIdentity,
    isConfirmed,
    lockUser,
    refreshProviders,
    reloadUser,
    updateIdentityData,
    updateUser,
    type User
} from './users.ts';

const Verify = z.object({
    type: text,
    token: text,
    token_hash: text,
    email: text,
    phone: text,
    redirect_to: text
});

type Kind = 'signup' | 'invite' | 'recovery' | 'magiclink' | 'email_change';

const HALF_CONFIRMED = 'Confirmation link accepted. Please proceed to confirm link sent to the other email';
const LINK_EXPIRED = 'Email link is invalid or has expired';

export function verifyRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.post('/verify', async (c) => {
        auth.limits.request('verify', c.get('caller'));
        const body = await readBody(c, Verify);
        const find = finderFor(body);
        const response = await inTransaction<TokenResponse | null>(auth, c.get('caller'), async (work) => {
            const { user, kind, hash } = await find(work);
            const proven = await prove(work, user, kind, hash);
            return proven && beginSession(work, proven, 'otp');
        });
        if (!response) return c.json({ msg: HALF_CONFIRMED, code: '200' });
        return c.json(response.body, 200, response.headers);
    });

    routes.get('/verify', async (c) => {
        auth.limits.request('verify', c.get('caller'));
        const type = c.req.query('type') ?? '';
        const token = c.req.query('token') ?? '';
        if (!type) throw refusal('validation_failed', 'Verify requires a verification type');
        if (!token) throw refusal('validation_failed', 'Verify requires a token or a token hash');
        const pkce = token.startsWith(PKCE_PREFIX);
        try {
            return c.redirect(await followLink(auth, c, token, type, pkce), 303);
        } catch (error) {
            if (!(error instanceof AuthError)) throw error;
            const parameters = errorParameters(error);
            const { redirectTo } = c.get('caller');
            const target = pkce ? withQuery(redirectTo, parameters) : redirectTo;
            return c.redirect(withFragment(target, parameters), 303);
        }
    });

    return routes;
}

async function followLink(
    auth: Auth,
    c: Context<Env>,
    token: string,
    type: string,
    pkce: boolean
): Promise<string> {
    const caller = c.get('caller');
    const { redirectTo } = caller;
    return inTransaction(auth, caller, async (work) => {
        const { user, kind, hash } = await findByHash(work, token, type);
        const proven = await prove(work, user, kind, hash);
        if (!proven) {
            const parameters = { message: HALF_CONFIRMED };
            return withFragment(pkce ? withQuery(redirectTo, parameters) : redirectTo, parameters);
        }
        if (pkce) {
            const method = kind === 'signup' ? 'email/signup' : kind;
            return withQuery(redirectTo, { code: await issueCode(work, proven, method) });
        }
        const { body } = await beginSession(work, proven, 'otp');
        return withFragment(redirectTo, {
            access_token: String(body.access_token),
            expires_at: String(body.expires_at),
            expires_in: String(body.expires_in),
            refresh_token: String(body.refresh_token),
            token_type: String(body.token_type),
            type: kind
        });
    });
}

// Whose proof is it? ------------------------------------------------------------------------------------------

type Found = { user: User; kind: Kind; hash: string };

function finderFor(body: z.output<typeof Verify>): (work: Work) => Promise<Found> {
    if (!body.type) throw refusal('validation_failed', 'Verify requires a verification type');
    if (Boolean(body.token) === Boolean(body.token_hash)) {
        throw refusal('validation_failed', 'Verify requires either a token or a token hash');
    }
    if (body.token_hash) {
        if (body.email || body.phone || body.redirect_to) {
            throw refusal('validation_failed', 'Only the token_hash and type should be provided');
        }
        return (work) => findByHash(work, body.token_hash, body.type);
    }
    if (body.phone && !body.email) throw refusal('phone_provider_disabled', 'Phone logins are disabled');
    if (!body.email || body.phone) {
        throw refusal(
            'validation_failed',
            'Only an email address or phone number should be provided on verify'
        );
    }
    const address = readAddress(body.email);
    return (work) => findByCode(work, address, body.token, body.type);
}

const TOKEN_TYPES: Record<string, readonly TokenType[]> = {
    email: ['confirmation_token', 'recovery_token'],
    signup: ['confirmation_token'],
    invite: ['confirmation_token'],
    recovery: ['recovery_token'],
    magiclink: ['recovery_token'],
    email_change: ['email_change_token_current', 'email_change_token_new']
};

function tokenTypesFor(type: string): readonly TokenType[] {
    const types = Object.hasOwn(TOKEN_TYPES, type) ? TOKEN_TYPES[type] : undefined;
    if (!types) throw refusal('validation_failed', 'Invalid email verification type');
    return types;
}

async function findByHash(work: Work, hash: string, type: string): Promise<Found> {
    const types = tokenTypesFor(type);
    const [row] = await work.db<{ user_id: string; token_type: TokenType }[]>`
        select user_id, token_type from auth.one_time_tokens
        where token_hash = ${hash} and token_type::text = any (${[...types]})
    `;
    const user = row && (await lockUser(work.db, row.user_id));
    if (!row || !user) throw refusal('otp_expired', LINK_EXPIRED);
    if (isBanned(user, work.now)) throw refusal('user_banned');
    const { stored, sentAt } = tokenOf(user, row.token_type);
    if (stored !== hash || !codeIsGood(work, hash, stored, sentAt))
        throw refusal('otp_expired', LINK_EXPIRED);
    return { user, kind: kindOf(type, row.token_type), hash };
}

async function findByCode(work: Work, address: string, code: string, type: string): Promise<Found> {
    const types = tokenTypesFor(type);
    const hash = tokenHash(address, code);
    const id =
        type === 'email_change'
            ? await findChangingUser(work.db, address, hash)
            : (await findUserByEmail(work.db, address))?.id;
    const user = id && (await lockUser(work.db, id));
    if (!user) throw refusal('otp_expired');
    if (isBanned(user, work.now)) throw refusal('user_banned');
    const matching = types.find((candidate) => {
        const { stored, sentAt } = tokenOf(user, candidate);
        return codeIsGood(work, hash, stored, sentAt);
    });
    if (!matching) throw refusal('otp_expired');
    return { user, kind: kindOf(type, matching), hash };
}

async function findChangingUser(db: Database, address: string, hash: string): Promise<string | undefined> {
    const hashes = [hash, PKCE_PREFIX + hash];
    const [row] = await db<{ id: string }[]>`
        select id from auth.users
        where aud = ${AUDIENCE} and is_sso_user = false and (
            (lower(email) = ${address} and email_change_token_current = any (${hashes}))
            or (lower(email_change) = ${address} and email_change_token_new = any (${hashes}))
        )
    `;
    return row?.id;
}

function tokenOf(user: User, type: TokenType): { stored: string | null; sentAt: Date | null } {
    const sentAt = {
        confirmation_token: user.confirmation_sent_at,
        recovery_token: user.recovery_sent_at,
        reauthentication_token: user.reauthentication_sent_at,
        email_change_token_current: user.email_change_sent_at,
        email_change_token_new: user.email_change_sent_at
    };
    return { stored: user[type], sentAt: sentAt[type] };
}

/** The collective type "email" stands for whichever of the two mails was sent. */
function kindOf(type: string, token: TokenType): Kind {
    if (type !== 'email') return type as Kind;
    return token === 'confirmation_token' ? 'signup' : 'magiclink';
}

// What does it prove? -----------------------------------------------------------------------------------------

/** Applies the proof and returns the person, or null when the other address must confirm as well. */
async function prove(work: Work, user: User, kind: Kind, hash: string): Promise<User | null> {
    const proven = await proofs[kind](work, user, hash);
    return proven && refreshProviders(work, proven);
}

const proofs: Record<Kind, (work: Work, user: User, hash: string) => Promise<User | null>> = {
    signup: proveSignUp,
    invite: proveSignUp,
    recovery: proveMailbox,
    magiclink: proveMailbox,
    email_change: proveEmailChange
};

async function proveSignUp(work: Work, user: User): Promise<User> {
    await audit(work, user, 'user_signedup', { provider: 'email' });
    for (const identity of user.identities) {
        if (identity.email && identity.email === user.email) {
            await updateIdentityData(work, identity, { email_verified: true });
        }
    }
    return confirmEmail(work, user);
}

async function proveMailbox(work: Work, user: User): Promise<User> {
    await clearOneTimeTokens(work, user);
    const recovered = await updateUser(work, user, { recovery_token: '' });
    if (isConfirmed(user)) {
        await audit(work, user, 'login');
        return recovered;
    }
    await audit(work, user, 'user_signedup', { provider: 'email' });
    return confirmEmail(work, recovered);
}

async function proveEmailChange(work: Work, user: User, hash: string): Promise<User | null> {
    const { settings } = work.auth;
    const needsBoth = settings.email.double_confirm_changes && !settings.autoconfirm && user.email !== null;
    if (needsBoth && user.email_change_confirm_status === 0) {
        const hashes = [hash, PKCE_PREFIX + hash];
        const current = hashes.includes(user.email_change_token_current ?? '');
        const column = current ? 'email_change_token_current' : 'email_change_token_new';
        await clearOneTimeTokens(work, user, column);
        await updateUser(work, user, { email_change_confirm_status: 1, [column]: '' });
        return null;
    }
    const address = user.email_change ?? '';
    await audit(work, user, 'user_modified');
    await clearOneTimeTokens(work, user);
    const changed = await updateUser(work, user, {
        email: address,
        email_change: '',
        email_change_token_current: '',
        email_change_token_new: '',
        email_change_confirm_status: 0
    }).catch((error: unknown) => {
        work.auth.log(`auth: could not change an address: ${(error as Error).message}`);
        throw refusal('unexpected_failure', 'Error confirm email');
    });
    const identity = changed.identities.find((candidate) => candidate.provider === 'email');
    if (identity) await updateIdentityData(work, identity, { email: address, email_verified: true });
    else await insertEmailIdentity(work, changed, { email_verified: true });
    const proven = isConfirmed(changed)
        ? await reloadUser(work.db, changed)
        : await confirmEmail(work, changed);
    if (user.email) await tell(work, proven, 'email_changed', { old_email: user.email });
    return proven;
}
