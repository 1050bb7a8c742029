/** Passkeys: a signed-in person registers, names and removes them; anybody who holds one signs in with it. */
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { namedUser } from '../admin.ts';
import { audit, serviceActor } from '../audit.ts';
import { demandCaptcha } from '../captcha.ts';
import type { Auth, Env, Work } from '../contract.ts';
import { refusal } from '../errors.ts';
import {
    isBanned,
    isUuid,
    readBody,
    requireNamedPerson,
    requirePerson,
    requireService,
    text,
    type Bearer
} from '../request.ts';
import { beginSession, type TokenResponse } from '../sessions.ts';
import { inTransaction, KeepAndRefuse } from '../transactions.ts';
import { findUser, hasVerifiedFactor, isConfirmed, lockUser, type User } from '../users.ts';
import {
    Assertion,
    Creation,
    creationOptions,
    judgeAssertion,
    judgeCreation,
    newChallenge,
    requestOptions
} from '../webauthn/ceremony.ts';
import {
    dropPasskey,
    insertCeremony,
    insertPasskey,
    notePasskeyUse,
    ownPasskey,
    passkeysOf,
    renamePasskey,
    takeCeremony,
    type CeremonyKind,
    type Passkey
} from './rows.ts';

const MOST = 10;
const LONGEST_NAME = 120;

const Answer = z.object({ challenge_id: text, credential: z.json().nullish() });
const Naming = z.object({ friendly_name: text });

export function passkeyRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();
    const on: MiddlewareHandler<Env> = async (_, next) => {
        if (!auth.settings.passkey.enabled) throw refusal('passkey_disabled');
        await next();
    };
    routes.use('/passkeys', on);
    routes.use('/passkeys/*', on);

    routes.post('/passkeys/registration/options', async (c) => {
        const user = registrant(await requireNamedPerson(auth, c));
        return c.json(await inTransaction(auth, c.get('caller'), (work) => offerRegistration(work, user)));
    });
    routes.post('/passkeys/registration/verify', async (c) => {
        const user = registrant(await requireNamedPerson(auth, c));
        const answer = await readAnswer(c);
        const made = await inTransaction(auth, c.get('caller'), (work) => register(work, user, answer));
        const { id, friendly_name, created_at } = passkeyJson(made);
        return c.json({ id, friendly_name, created_at });
    });

    routes.post('/passkeys/authentication/options', async (c) => {
        auth.limits.request('passkey', c.get('caller'));
        await demandCaptcha(auth, c);
        return c.json(await inTransaction(auth, c.get('caller'), offerSignIn));
    });
    routes.post('/passkeys/authentication/verify', async (c) => {
        const answer = await readAnswer(c);
        const { body, headers } = await inTransaction(auth, c.get('caller'), (work) => signIn(work, answer));
        return c.json(body, 200, headers);
    });

    routes.get('/passkeys', async (c) => {
        const { user } = await requirePerson(auth, c);
        return c.json((await passkeysOf(auth.sql, user)).map(passkeyJson));
    });
    routes.patch('/passkeys/:id', async (c) => {
        const { user } = await requirePerson(auth, c);
        const { friendly_name: name } = await readBody(c, Naming);
        if (!name || Buffer.byteLength(name) > LONGEST_NAME) {
            throw refusal('validation_failed', `friendly_name has 1 to ${LONGEST_NAME} characters`);
        }
        const renamed = await inTransaction(auth, c.get('caller'), async (work) => {
            const passkey = await ownPasskey(work.db, user, c.req.param('id'));
            await renamePasskey(work, passkey, name);
            await audit(work, user, 'passkey_updated', { passkey_id: passkey.rowId });
            return { ...passkey, friendlyName: name };
        });
        return c.json(passkeyJson(renamed));
    });
    routes.delete('/passkeys/:id', async (c) => {
        const bearer = await requirePerson(auth, c);
        demandAssurance(bearer);
        await inTransaction(auth, c.get('caller'), async (work) => {
            const passkey = await ownPasskey(work.db, bearer.user, c.req.param('id'));
            await dropPasskey(work.db, passkey);
            await audit(work, bearer.user, 'passkey_deleted', { passkey_id: passkey.rowId });
        });
        return c.body(null, 204);
    });

    return routes;
}

/** What the service key may do to somebody's passkeys, whether they are switched on or not. */
export function adminPasskeyRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.get('/admin/users/:id/passkeys', async (c) => {
        await requireService(auth, c);
        return c.json((await passkeysOf(auth.sql, await namedUser(auth, c))).map(passkeyJson));
    });
    routes.delete('/admin/users/:id/passkeys/:passkey', async (c) => {
        const role = await requireService(auth, c);
        const user = await namedUser(auth, c);
        await inTransaction(auth, c.get('caller'), async (work) => {
            const passkey = await ownPasskey(work.db, user, c.req.param('passkey'));
            await dropPasskey(work.db, passkey);
            const traits = { user_id: user.id, passkey_id: passkey.rowId };
            await audit(work, serviceActor(role), 'passkey_deleted', traits);
        });
        return c.body(null, 204);
    });

    return routes;
}

const passkeyJson = (passkey: Passkey) => ({
    id: passkey.rowId,
    ...(passkey.friendlyName ? { friendly_name: passkey.friendlyName } : {}),
    created_at: passkey.createdAt,
    ...(passkey.lastUsedAt ? { last_used_at: passkey.lastUsedAt } : {})
});

/** Whoever has a second factor shows it before the ways in change. */
function demandAssurance({ user, session }: Bearer): void {
    if (hasVerifiedFactor(user) && session?.aal !== 'aal2') {
        throw refusal('insufficient_aal', 'Passkeys of somebody with a factor need an aal2 session', {
            status: 403
        });
    }
}

function registrant(bearer: Bearer): User {
    if (bearer.user.is_sso_user) {
        throw refusal('validation_failed', 'Who signs in by SSO has no passkeys', { status: 422 });
    }
    demandAssurance(bearer);
    return bearer.user;
}

// Registering -------------------------------------------------------------------------------------------------

async function offerRegistration(work: Work, user: User): Promise<Record<string, unknown>> {
    const existing = await passkeysOf(work.db, user);
    if (existing.length >= MOST) throw refusal('too_many_passkeys');
    const challenge = newChallenge();
    const { id, expiresAt } = await insertCeremony(work, 'registration', challenge, user);
    const address = user.email || user.phone || '';
    const { name } = user.raw_user_meta_data;
    const holder = {
        id: user.id,
        name: address,
        displayName: typeof name === 'string' && name ? name : address
    };
    const exclude = existing.map((passkey) => ({ id: passkey.id }));
    const options = {
        ...creationOptions(work.auth.settings, challenge, holder, exclude),
        // A passkey says by itself who its holder is, so it must be kept on the authenticator.
        authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
        attestation: 'none'
    };
    return { challenge_id: id, options, expires_at: expiresAt };
}

async function register(work: Work, user: User, answer: CeremonyAnswer): Promise<Passkey | KeepAndRefuse> {
    const challenge = await challengeOf(work, 'registration', answer, user);
    if (challenge instanceof KeepAndRefuse) return challenge;
    const response = Creation.safeParse(answer.credential);
    const key = response.success && (await judgeCreation(work.auth.settings, challenge.text, response.data));
    if (!key) return new KeepAndRefuse(refusal('webauthn_verification_failed'));
    // Held, so that of two registrations at once the second counts the first.
    await lockUser(work.db, user.id);
    if ((await passkeysOf(work.db, user)).length >= MOST) {
        return new KeepAndRefuse(refusal('too_many_passkeys'));
    }
    const passkey = await insertPasskey(work, user, key);
    await audit(work, user, 'passkey_created', { passkey_id: passkey.rowId });
    return passkey;
}

// Signing in --------------------------------------------------------------------------------------------------

async function offerSignIn(work: Work): Promise<Record<string, unknown>> {
    const challenge = newChallenge();
    const { id, expiresAt } = await insertCeremony(work, 'authentication', challenge, null);
    const options = { ...requestOptions(work.auth.settings, challenge), userVerification: 'preferred' };
    return { challenge_id: id, options, expires_at: expiresAt };
}

async function signIn(work: Work, answer: CeremonyAnswer): Promise<TokenResponse | KeepAndRefuse> {
    const challenge = await challengeOf(work, 'authentication', answer, null);
    if (challenge instanceof KeepAndRefuse) return challenge;
    const wrong = () => new KeepAndRefuse(refusal('webauthn_verification_failed'));
    const response = Assertion.safeParse(answer.credential);
    if (!response.success) return wrong();
    const holder = Buffer.from(response.data.response.userHandle ?? '', 'base64url').toString();
    const user = isUuid(holder) ? await findUser(work.db, holder) : null;
    if (!user) return wrong();
    const passkey = (await passkeysOf(work.db, user)).find(({ id }) => id === response.data.rawId);
    if (!passkey) return wrong();
    const counter = await judgeAssertion(work.auth.settings, challenge.text, response.data, passkey);
    if (counter === null) return wrong();
    if (user.email && !isConfirmed(user)) {
        return new KeepAndRefuse(refusal('email_not_confirmed', undefined, { status: 403 }));
    }
    if (isBanned(user, work.now)) return new KeepAndRefuse(refusal('user_banned'));
    await notePasskeyUse(work, passkey, counter);
    await audit(work, user, 'login', { passkey_id: passkey.rowId });
    return beginSession(work, user, 'passkey');
}

// Answers -----------------------------------------------------------------------------------------------------

type CeremonyAnswer = { challengeId: string; credential: unknown };

/** @throws AuthError validation_failed, bad_json */
async function readAnswer(c: Context<Env>): Promise<CeremonyAnswer> {
    const body = await readBody(c, Answer);
    if (!body.challenge_id) throw refusal('validation_failed', 'challenge_id is required');
    if (!body.credential) throw refusal('validation_failed', 'credential is required');
    if (!isUuid(body.challenge_id)) throw refusal('validation_failed', 'challenge_id must be a valid UUID');
    return { challengeId: body.challenge_id, credential: body.credential };
}

/** Spends the challenge that an answer names; a wrong or late answer has spent it too. */
async function challengeOf(
    work: Work,
    kind: CeremonyKind,
    answer: CeremonyAnswer,
    user: User | null
): Promise<{ text: string } | KeepAndRefuse> {
    const taken = await takeCeremony(work, kind, answer.challengeId, user);
    if (!taken) return new KeepAndRefuse(refusal('webauthn_challenge_not_found'));
    if (taken.expired) return new KeepAndRefuse(refusal('webauthn_challenge_expired'));
    return { text: taken.challenge };
}
