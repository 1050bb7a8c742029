/**
 * Security keys as second factors: setting one up, and giving it. auth-js does this in browsers only, where it hands the
 * question to the browser itself; here question and answer pass as they are.
 */
import { z } from 'zod';
import { problem } from './errors.ts';
import { forgetUnfinished } from './factors.ts';
import { keyAnswer, type KeyQuestion } from './key-answer.ts';
import { Tokens, type Person } from './session.ts';
import { settings } from './settings.ts';
import { raised, refusedAt, type Door } from './sign-in.ts';

/** What a verb needs of a request. */
type KeyDoor = Door & { locals: Pick<App.Locals, 'upstream'> };

const Question = z.object({
    id: z.uuid(),
    webauthn: z.object({ credential_options: z.object({ publicKey: z.record(z.string(), z.json()) }) })
});
const Raised = Tokens.omit({ expires_at: true });
const Refusal = z.object({ code: z.string().optional() }).catch({});

/** Asks the auth server as the person. */
async function asked<Schema extends z.ZodType>(
    door: KeyDoor,
    person: Person,
    path: string,
    body: Record<string, unknown>,
    schema: Schema
): Promise<z.output<Schema>> {
    const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY } = settings();
    let answer: Response;
    try {
        answer = await door.locals.upstream(`${SUPABASE_URL}/auth/v1/${path}`, {
            method: 'POST',
            headers: {
                apikey: SUPABASE_PUBLISHABLE_KEY,
                authorization: `Bearer ${person.accessToken}`,
                'content-type': 'application/json;charset=UTF-8',
                'x-supabase-api-version': '2024-01-01'
            },
            body: JSON.stringify(body)
        });
    } catch (failure) {
        throw problem('unavailable', { cause: failure });
    }
    const said: unknown = await answer.json().catch(() => null);
    if (answer.status >= 500) throw problem('unavailable', { cause: said });
    if (!answer.ok) throw refusedAt(door, { status: answer.status, code: Refusal.parse(said).code });
    const read = schema.safeParse(said);
    if (!read.success) throw problem('unexpected', { cause: read.error });
    return read.data;
}

/** Whose key it is to be: this site's. */
function relyingParty(): { rpId: string; rpOrigins: string[] } {
    const { ORIGIN } = settings();
    return { rpId: new URL(ORIGIN).hostname, rpOrigins: [ORIGIN] };
}

/**
 * The question that one of the person's keys answers: any of those they have set up.
 * @throws {Problem} `factor_gone`, `too_many_tries`.
 */
export async function askForKey(door: KeyDoor, person: Person, factorId: string): Promise<KeyQuestion> {
    const path = `factors/${factorId}/challenge`;
    const { id, webauthn } = await asked(door, person, path, { webauthn: relyingParty() }, Question);
    return {
        options: webauthn.credential_options.publicKey,
        fields: { factor_id: factorId, challenge_id: id }
    };
}

/**
 * Begins a security key, and asks for it. What was begun before and never finished is forgotten.
 * @throws {Problem} `fresh_proof_needed`, `factor_name_taken`, `too_many_factors`.
 */
export async function beginKey(door: KeyDoor, person: Person, name: string): Promise<KeyQuestion> {
    await forgetUnfinished(door, 'webauthn');
    const begun = { factor_type: 'webauthn', friendly_name: name };
    const { id } = await asked(door, person, 'factors', begun, z.object({ id: z.uuid() }));
    return await askForKey(door, person, id);
}

/** What a form brings back of a key. */
export type KeyGiven = { factor_id: string; challenge_id: string; credential: string };

/**
 * Gives a security key's answer, `create` that of a new one: the session goes on with a second factor given.
 * @throws {Problem} `key_wrong`, `factor_gone`, `too_many_tries`.
 */
export async function giveKey(
    door: KeyDoor,
    person: Person,
    given: KeyGiven,
    type: 'create' | 'request'
): Promise<void> {
    const webauthn = { ...relyingParty(), type, credential_response: keyAnswer(given.credential) };
    const body = { challenge_id: given.challenge_id, webauthn };
    try {
        raised(door, await asked(door, person, `factors/${given.factor_id}/verify`, body, Raised));
    } catch (failure) {
        throw wrongKey(failure);
    }
}

/** To the auth server a key is a factor like any other; to its holder it has no code. */
const wrongKey = (failure: unknown): unknown =>
    failure instanceof Error && 'code' in failure && failure.code === 'factor_code_wrong'
        ? problem('key_wrong', { cause: failure })
        : failure;
