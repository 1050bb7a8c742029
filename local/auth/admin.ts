/** What the service key may do to accounts: list, make, read, change, delete them, and make links without a mail. */
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { audit, serviceActor } from './audit.ts';
import { newCode, storeOneTimeToken, tokenHash } from './codes.ts';
import type { Auth, Env, Work } from './contract.ts';
import { refusal } from './errors.ts';
import { readAddress } from './mail.ts';
import { demandStrength, hashPassword, unknownPasswordHash } from './passwords.ts';
import { isAllowedRedirect } from './redirects.ts';
import { isUuid, jsonObject, readBody, requireService, text } from './request.ts';
import { AUDIENCE, milliseconds } from './settings.ts';
import { inTransaction } from './transactions.ts';
import { setPassword } from './user.ts';
import {
    confirmEmail,
    findUser,
    findUserByEmail,
    findUserClaiming,
    insertEmailIdentity,
    insertUser,
    isConfirmed,
    merged,
    reloadUser,
    updateIdentityData,
    updateUser,
    userJson,
    type User
} from './users.ts';

const metadata = z.record(z.string(), z.json()).nullish();

const AdminUser = z.object({
    id: text,
    email: text,
    phone: text,
    password: text,
    password_hash: text,
    email_confirm: z.boolean().nullish(),
    user_metadata: metadata,
    app_metadata: metadata,
    role: text,
    ban_duration: text
});

const Link = z.object({
    type: text,
    email: text,
    new_email: text,
    password: text,
    data: jsonObject,
    redirect_to: text
});

export function adminRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.get('/admin/users', async (c) => {
        await requireService(auth, c);
        return listUsers(auth, c);
    });
    routes.post('/admin/users', async (c) => {
        const role = await requireService(auth, c);
        const user = await createUser(auth, c, role);
        return c.json(userJson(user));
    });
    routes.get('/admin/users/:id', async (c) => {
        await requireService(auth, c);
        return c.json(userJson(await namedUser(auth, c)));
    });
    routes.put('/admin/users/:id', async (c) => {
        const role = await requireService(auth, c);
        return c.json(userJson(await changeUser(auth, c, role, await namedUser(auth, c))));
    });
    routes.delete('/admin/users/:id', async (c) => {
        const role = await requireService(auth, c);
        const user = await namedUser(auth, c);
        if (/"should_soft_delete"\s*:\s*true/.test(await c.req.text())) return c.notFound();
        await inTransaction(auth, c.get('caller'), async (work) => {
            await audit(work, serviceActor(role), 'user_deleted', traitsOf(user));
            await work.db`delete from auth.users where id = ${user.id}`;
        });
        return c.json({});
    });
    routes.post('/admin/generate_link', async (c) => {
        const role = await requireService(auth, c);
        return c.json(await generateLink(auth, c, role));
    });

    return routes;
}

const traitsOf = (user: User) => ({
    user_id: user.id,
    user_email: user.email ?? '',
    user_phone: user.phone ?? ''
});

/** @throws AuthError validation_failed, user_not_found (both 404) */
export async function namedUser(auth: Auth, c: Context<Env>): Promise<User> {
    const id = c.req.param('id') ?? '';
    if (!isUuid(id)) throw refusal('validation_failed', 'user_id must be an UUID', { status: 404 });
    const user = await findUser(auth.sql, id);
    if (!user) throw refusal('user_not_found', 'User not found', { status: 404 });
    return user;
}

async function listUsers(auth: Auth, c: Context<Env>): Promise<Response> {
    const number = (name: string, fallback: number) => {
        const given = c.req.query(name);
        if (!given) return fallback;
        if (!/^[1-9]\d{0,8}$/.test(given)) {
            throw refusal('validation_failed', `Bad Pagination Parameters: ${name} is no positive number`);
        }
        return Number(given);
    };
    const page = number('page', 1);
    const perPage = number('per_page', 50);
    const ids = await auth.sql<{ id: string; total: number }[]>`
        select id, count(*) over ()::int as total from auth.users
        where aud = ${AUDIENCE}
        order by created_at desc, id
        limit ${perPage} offset ${(page - 1) * perPage}
    `;
    const [counted] =
        ids.length > 0
            ? ids
            : await auth.sql<{ total: number }[]>`
        select count(*)::int as total from auth.users where aud = ${AUDIENCE}
    `;
    const total = counted?.total ?? 0;
    const users = await Promise.all(ids.map(({ id }) => findUser(auth.sql, id)));
    // The client reads the single character after the first "=", so the page comes first.
    const last = Math.max(1, Math.ceil(total / perPage));
    const link = (to: number, rel: string) =>
        `<${auth.externalUrl}/admin/users?page=${to}&per_page=${perPage}>; rel="${rel}"`;
    const links = [...(page < last ? [link(page + 1, 'next')] : []), link(last, 'last')];
    return c.json({ users: users.flatMap((user) => (user ? [userJson(user)] : [])), aud: AUDIENCE }, 200, {
        'x-total-count': String(total),
        link: links.join(', ')
    });
}

async function createUser(auth: Auth, c: Context<Env>, role: string): Promise<User> {
    const body = await readBody(c, AdminUser);
    if (body.phone)
        throw refusal('phone_provider_disabled', 'The embedded Auth server knows no phone numbers yet.');
    if (!body.email)
        throw refusal('validation_failed', 'Cannot create a user without either an email or phone');
    if (body.password && body.password_hash) {
        throw refusal('validation_failed', 'Only a password or a password hash should be provided');
    }
    if (body.id && !isUuid(body.id))
        throw refusal('validation_failed', 'ID must conform to the uuid v4 format');
    if (body.password_hash && !/^\$2[aby]\$\d{2}\$[./A-Za-z0-9]{53}$/.test(body.password_hash)) {
        throw refusal('validation_failed', 'The embedded Auth server takes password hashes of bcrypt only.');
    }
    const address = readAddress(body.email);
    if (await findUserClaiming(auth.sql, address)) throw refusal('email_exists');
    const bannedUntil = readBan(auth, body.ban_duration);
    const encryptedPassword =
        body.password_hash || (body.password ? await hashPassword(body.password) : unknownPasswordHash());
    return inTransaction(auth, c.get('caller'), async (work) => {
        let user = await insertUser(work, {
            ...(body.id ? { id: body.id } : {}),
            email: address,
            encryptedPassword,
            appMetadata: merged({ provider: 'email', providers: ['email'] }, body.app_metadata ?? {}),
            userMetadata: body.user_metadata ?? {},
            ...(body.role ? { role: body.role } : {})
        });
        await insertEmailIdentity(work, user);
        await audit(work, serviceActor(role), 'user_signedup', { ...traitsOf(user), provider: 'email' });
        if (body.email_confirm) user = await confirmEmail(work, user);
        if (bannedUntil) user = await updateUser(work, user, { banned_until: bannedUntil });
        return reloadUser(work.db, user);
    });
}

async function changeUser(auth: Auth, c: Context<Env>, role: string, target: User): Promise<User> {
    const body = await readBody(c, AdminUser);
    if (body.phone)
        throw refusal('phone_provider_disabled', 'The embedded Auth server knows no phone numbers yet.');
    const address = body.email ? readAddress(body.email) : null;
    if (address && (await findUserClaiming(auth.sql, address, target.id))) throw refusal('email_exists');
    if (body.password) demandStrength(auth.settings, body.password);
    const encryptedPassword = body.password ? await hashPassword(body.password) : null;
    const bannedUntil = readBan(auth, body.ban_duration);
    return inTransaction(auth, c.get('caller'), async (work) => {
        let user = target;
        if (body.role) user = await updateUser(work, user, { role: body.role });
        if (body.email_confirm) user = await confirmEmail(work, user);
        if (encryptedPassword) user = await setPassword(work, user, encryptedPassword);
        if (address) user = await changeAddress(work, user, address, body.email_confirm === true);
        if (body.app_metadata) {
            user = await updateUser(work, user, {
                raw_app_meta_data: merged(user.raw_app_meta_data, body.app_metadata)
            });
        }
        if (body.user_metadata) {
            user = await updateUser(work, user, {
                raw_user_meta_data: merged(user.raw_user_meta_data, body.user_metadata)
            });
        }
        if (bannedUntil !== undefined) user = await updateUser(work, user, { banned_until: bannedUntil });
        await audit(work, serviceActor(role), 'user_modified', traitsOf(user));
        return reloadUser(work.db, user);
    });
}

async function changeAddress(work: Work, user: User, address: string, verified: boolean): Promise<User> {
    const changed = await updateUser(work, user, { email: address });
    const identity = changed.identities.find((candidate) => candidate.provider === 'email');
    if (identity) await updateIdentityData(work, identity, { email: address, email_verified: verified });
    else await insertEmailIdentity(work, changed, { email_verified: verified });
    return reloadUser(work.db, changed);
}

/** Undefined leaves a ban as it is, null lifts it. */
function readBan(auth: Auth, duration: string): Date | null | undefined {
    if (!duration) return undefined;
    if (duration === 'none') return null;
    const length = milliseconds(duration);
    if (length === undefined)
        throw refusal('validation_failed', `invalid format for ban duration: "${duration}"`);
    return new Date(auth.clock.now().getTime() + length);
}

type LinkType = 'signup' | 'magiclink' | 'recovery';

async function generateLink(auth: Auth, c: Context<Env>, role: string): Promise<Record<string, unknown>> {
    const body = await readBody(c, Link);
    const address = readAddress(body.email);
    const existing = await findUserByEmail(auth.sql, address);
    const asked = body.type;
    if (asked !== 'signup' && asked !== 'magiclink' && asked !== 'recovery') {
        throw refusal('validation_failed', `The embedded Auth server makes no links of type "${asked}" yet.`);
    }
    if (!existing && asked === 'recovery') {
        throw refusal('user_not_found', 'User with this email not found', { status: 404 });
    }
    const type: LinkType = existing ? asked : 'signup';
    if (existing && type === 'signup' && isConfirmed(existing)) throw refusal('email_exists');
    if (asked === 'signup' && !body.password) {
        throw refusal('validation_failed', 'Signup requires a valid password');
    }
    if (asked === 'signup') demandStrength(auth.settings, body.password);
    const encryptedPassword = asked === 'signup' ? await hashPassword(body.password) : unknownPasswordHash();
    const redirectTo = isAllowedRedirect(auth.settings, body.redirect_to)
        ? body.redirect_to
        : c.get('caller').redirectTo;
    const code = newCode(auth.settings.email.otp_length);
    const hash = tokenHash(address, code);
    const user = await inTransaction(auth, c.get('caller'), async (work) => {
        const person = existing ?? (await signUpSilently(work, address, encryptedPassword, body.data));
        if (type === 'signup') {
            await audit(work, serviceActor(role), 'user_confirmation_requested', traitsOf(person));
        } else {
            await audit(work, person, 'user_recovery_requested');
        }
        const column = type === 'signup' ? 'confirmation_token' : 'recovery_token';
        await storeOneTimeToken(work, person, column, hash, address);
        const sent = type === 'signup' ? 'confirmation_sent_at' : 'recovery_sent_at';
        return updateUser(work, person, { [column]: hash, [sent]: work.now });
    });
    const link = new URLSearchParams({ token: hash, type, redirect_to: redirectTo });
    return {
        ...userJson(user),
        action_link: `${auth.externalUrl}/verify?${link}`,
        email_otp: code,
        hashed_token: hash,
        verification_type: type,
        redirect_to: redirectTo
    };
}

async function signUpSilently(
    work: Work,
    address: string,
    encryptedPassword: string,
    data: z.output<typeof jsonObject>
): Promise<User> {
    const user = await insertUser(work, {
        email: address,
        encryptedPassword,
        appMetadata: { provider: 'email', providers: ['email'] },
        userMetadata: data
    });
    await insertEmailIdentity(work, user);
    return reloadUser(work.db, user);
}
