/**
 * One's own sessions: which there are, how they end, and who got in or did not. The database lists them and ends a single one; the auth
 * server ends all others, or all. Ended means that the next request by that session fails, whatever its token says.
 */
import { z } from 'zod';
import { countryName } from '$lib/domain/countries.ts';
import { call, invoke, type Db } from './data.ts';
import { asProblem, problem } from './errors.ts';

const Session = z.object({
    id: z.uuid(),
    /** In words, like `Chrome on Android`; null when it did not begin at our own door, or tells nothing of itself. */
    device: z.string().nullable(),
    address: z.string().nullable(),
    /** In which country the address is, by name. */
    country: z
        .string()
        .nullable()
        .transform((code) => (code === null ? null : countryName(code))),
    begun_at: z.string(),
    /** Exact to ten minutes. */
    last_used_at: z.string(),
    is_this: z.boolean()
});

/** A session as its person sees it. */
export type Session = z.infer<typeof Session>;

/** The person's live sessions: this one first, then as they were used. */
export function mySessions(db: Db): Promise<Session[]> {
    return call(db, 'my_sessions', {}, z.array(Session));
}

const SignIn = z.object({
    id: z.number().int(),
    at: z.string(),
    result: z.enum(['ok', 'failed', 'refused']),
    /** Of a refusal. */
    code: z.string().nullable(),
    method: z.string().nullable(),
    device: z.string().nullable(),
    address: z.string().nullable()
});

/** Somebody who got in as this person, or did not. */
export type SignIn = z.infer<typeof SignIn>;

/** Where a page of sign-ins ends and the next one goes on: `<id>~<at>`. */
const Place = z
    .string()
    .regex(/^\d{1,15}~\d{4}-\d\d-\d\dT[\d:.]{8,15}[+-]\d\d:\d\d$/)
    .transform((place) => {
        const [id = '', at = ''] = place.split('~');
        return { before_id: Number(id), before_at: at };
    });

/** A page of the person's own sign-ins, the last first; `older` is the place of the next page, null when there is none. */
export async function mySignIns(
    db: Db,
    pageSize: number,
    place: string | null = null
): Promise<{ signIns: SignIn[]; older: string | null }> {
    const before = Place.safeParse(place);
    const args = { page_size: pageSize + 1, ...(before.success ? before.data : {}) };
    const found = await call(db, 'my_sign_ins', args, z.array(SignIn));
    const signIns = found.slice(0, pageSize);
    const last = found.length > pageSize ? signIns.at(-1) : undefined;
    return { signIns, older: last === undefined ? null : `${last.id}~${last.at}` };
}

/** Ends one session of the person's own; false when there is no such session of theirs any more. */
export function endSession(db: Db, id: string): Promise<boolean> {
    return call(db, 'end_session', { session_id: id }, z.boolean());
}

/**
 * Says that a sign-in, told of by mail, was somebody else's: every session of the person ends and their password is
 * worth nothing any more. Nobody need be signed in; the link's token is the right.
 * @throws {Problem} `notice_not_valid` for a link that is none, was used or is too old.
 */
export async function disownSignIn(db: Db, token: string): Promise<void> {
    try {
        await invoke(db, 'auth-gate/not-me', { token }, z.object({}));
    } catch (thrown) {
        const failure = asProblem(thrown);
        throw failure.code === 'link_not_valid' ? problem('notice_not_valid', { cause: failure }) : failure;
    }
}
