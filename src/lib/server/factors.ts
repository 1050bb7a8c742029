/**
 * Second factors: which somebody has, setting one up, giving it, taking it away, and what to do when it is lost. The auth
 * server keeps and checks them; a session that has given one is the same session, at a higher level, with new tokens.
 *
 * An authenticator app's secret leaves the auth server once, when it is set up, and goes to its person's screen and nowhere
 * else.
 */
import encodeQR from 'qr';
import { z } from 'zod';
import { call, type Db } from './data.ts';
import { problem } from './errors.ts';
import { Passkey } from './passkeys.ts';
import { raised, refusedAt, type Door } from './sign-in.ts';

const Factor = z.object({
    id: z.uuid(),
    kind: z.enum(['totp', 'webauthn', 'phone']),
    name: z.string().nullable(),
    added_at: z.string(),
    last_used_at: z.string().nullable()
});

/** A second factor as its person sees it. */
export type Factor = z.infer<typeof Factor>;

const Factors = z.object({
    factors: z.array(Factor),
    passkeys: z.array(Passkey),
    recovery_codes_left: z.int()
});

/** The person's factors and passkeys, oldest first, and how many recovery codes are left; also before they have given one. */
export function myFactors(db: Db): Promise<z.infer<typeof Factors>> {
    return call(db, 'my_factors', {}, Factors);
}

/** Has the person told, and the trail, of whatever has changed among their factors and passkeys. */
export async function noteFactors(db: Db): Promise<void> {
    await call(db, 'note_factors', {}, z.unknown());
}

/** An authenticator app on its way: its secret is in the app, or is not, until the first code says so. */
export type NewApp = { id: string; secret: string };

/** How an app that reads the picture calls it. */
export const appIssuer = 'TradersFlow';

/** Takes away what the person began to set up and never finished. */
export async function forgetUnfinished({ locals }: Door, kind: Factor['kind']): Promise<void> {
    const { data } = await locals.auth.getUser();
    for (const { id, status, factor_type } of data.user?.factors ?? []) {
        if (status === 'unverified' && factor_type === kind) await locals.auth.mfa.unenroll({ factorId: id });
    }
}

/**
 * Begins an authenticator app. What was begun before and never finished is forgotten, so that nothing is in the way.
 * @throws {Problem} `factor_name_taken`, `too_many_factors`, `factor_needed`.
 */
export async function beginApp(door: Door, name: string): Promise<NewApp> {
    await forgetUnfinished(door, 'totp');
    const { data, error } = await door.locals.auth.mfa.enroll({
        factorType: 'totp',
        friendlyName: name,
        issuer: appIssuer
    });
    if (error) throw refusedAt(door, error);
    return { id: data.id, secret: data.totp.secret };
}

/**
 * Gives the code that an authenticator app shows: the session goes on with a second factor given.
 * @throws {Problem} `factor_code_wrong`, `factor_code_used`, `factor_gone`, `too_many_tries`.
 */
export async function giveCode(door: Door, factorId: string, code: string): Promise<void> {
    const { auth } = door.locals;
    const { data: challenge, error } = await auth.mfa.challenge({ factorId });
    if (error) throw refusedAt(door, error);
    const answer = await auth.mfa.verify({ factorId, challengeId: challenge.id, code });
    if (answer.error) throw refusedAt(door, answer.error);
    raised(door, { ...answer.data, token_type: 'bearer' });
}

/**
 * Takes a factor of the person's own away; sessions that gave it have given none from now on.
 * @throws {Problem} `fresh_proof_needed`.
 */
export async function removeFactor(door: Door, factorId: string): Promise<void> {
    const { error } = await door.locals.auth.mfa.unenroll({ factorId });
    if (error) throw refusedAt(door, error);
}

/** Ten new recovery codes, to be shown once; those before are worth nothing. */
export function makeRecoveryCodes(db: Db): Promise<string[]> {
    return call(db, 'make_recovery_codes', {}, z.array(z.string()));
}

/**
 * Uses a recovery code: every factor of the person's is taken away, and their other sessions end.
 * @throws {Problem} `recovery_code_wrong`, `too_many_tries`.
 */
export async function useRecoveryCode(db: Db, code: string): Promise<void> {
    if (!(await call(db, 'use_recovery_code', { code }, z.boolean()))) throw problem('recovery_code_wrong');
}

/** What an authenticator app reads (the key URI format that they share): whose codes, and by which secret. */
export function authenticatorLink(email: string, secret: string): string {
    const label = `${encodeURIComponent(appIssuer)}:${encodeURIComponent(email)}`;
    return `otpauth://totp/${label}?${new URLSearchParams({ secret, issuer: appIssuer })}`;
}

/** A link as a picture for a camera, as the address of an image. */
export function qrPicture(link: string): string {
    const svg = encodeQR(link, 'svg', { ecc: 'medium', border: 2 });
    return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
}
