/**
 * A new password or address at the gate, the last door that still sees a password. Whoever is signed in and changes one
 * must have proved afresh who they are, which the database says, asked with their own token (AUTH-8). A password is
 * judged by the rules of src/lib/domain/passwords.ts, with the common ones of a dictionary that comes along, the person's own words, and the
 * list of those known from break-ins, where one is configured (AUTH-3).
 *
 * When that list can't be asked the password passes and the failure is logged: the other rules still hold, and somebody
 * who has just been told to change their password must not be kept from it because another service is down.
 *
 * Refusals: `fresh_proof_needed` 403, `session_ended` 401; `weak_password` 422 in the auth server's form, with one reason
 * out of `too_short`, `too_long`, `common`, `own_words` and `pwned`.
 */
import { dictionary } from 'npm:@zxcvbn-ts/language-common@4.1.3';
import { z } from 'npm:zod@4.6.7';
import { normalPassword, weaknessInWords, weaknessOf } from '../../../src/lib/domain/passwords.ts';
import type { Person } from '../_shared/caller.ts';
import { describeFailure } from '../_shared/log.ts';
import { clientOf, dataOf } from '../_shared/person.ts';
import { Problem } from '../_shared/problem.ts';
import { readSettings } from '../_shared/settings.ts';
import { API_VERSION } from './answers.ts';
import { fieldsOf } from './attempts.ts';
import { timesBreached } from './breaches.ts';
import { mostCommon } from './common-passwords.ts';
import type { Body, Visit } from './visit.ts';

const { PWNED_PASSWORDS_URL } = readSettings('PWNED_PASSWORDS_URL');

const SERVICE_NAME = 'TradersFlow';
const Words = z.array(z.string());
const commonPasswords = mostCommon(Words.parse(dictionary['passwords-common']));

/**
 * The body with its password in the one form that passwords have here, on the way in as on the way to being kept; the
 * refusal when a new one is not good enough. Throws `fresh_proof_needed`.
 */
export async function withGoodCredentials(body: Body, visit: Visit): Promise<Body | Response> {
    const fields = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
    const typed = typeof fields.password === 'string' && fields.password !== '' ? fields.password : null;
    const [name = ''] = visit.path.split('?');
    const changesOwn = name === 'user' && visit.call.request.method === 'PUT';
    const own = [SERVICE_NAME, ...textsIn(fields.email), ...textsIn(fields.data)];
    if (changesOwn && visit.person !== null && (typed !== null || fields.email !== undefined)) {
        own.push(...(await wordsOf(visit.person, visit)));
    }
    if (typed === null) {
        return body;
    }
    const password = normalPassword(typed);
    if (changesOwn) {
        const weakness = weaknessOf(password, commonPasswords, own) ?? (await leakOf(password, visit));
        if (weakness !== null) {
            return weakPassword(weakness);
        }
    }
    return new TextEncoder().encode(JSON.stringify({ ...fields, password }));
}

/** What the person's password must not be made of. Throws `fresh_proof_needed` when they must prove who they are first. */
async function wordsOf(person: Person, { call, context }: Visit): Promise<readonly string[]> {
    const client = await clientOf(person, call, context);
    try {
        return Words.parse(dataOf(await client.rpc('prepare_credentials')));
    } catch (failure) {
        // In the form in which supabase-js reads the auth server's refusals.
        throw failure instanceof Problem
            ? new Problem(failure.code, { cause: failure, headers: API_VERSION })
            : failure;
    }
}

/** Is it known from a break-in? Null too when nobody can be asked. */
async function leakOf(password: string, { call }: Visit): Promise<'breached' | null> {
    if (PWNED_PASSWORDS_URL === '') {
        return null;
    }
    try {
        return (await timesBreached(password, PWNED_PASSWORDS_URL)) > 0 ? 'breached' : null;
    } catch (failure) {
        call.log.error('known_passwords_not_asked', describeFailure(failure));
        return null;
    }
}

function weakPassword(weakness: keyof typeof weaknessInWords): Response {
    const reasons = [weakness === 'breached' ? 'pwned' : weakness];
    return Response.json(
        { code: 'weak_password', message: weaknessInWords[weakness], weak_password: { reasons } },
        { status: 422, headers: { 'x-sb-error-code': 'weak_password', ...API_VERSION } }
    );
}

/** The texts in a field of the body: itself, or those of an object like the names that come with a sign-up. */
function textsIn(value: unknown): string[] {
    if (typeof value === 'string') {
        return [value];
    }
    return typeof value === 'object' && value !== null
        ? Object.values(value).filter((text) => typeof text === 'string')
        : [];
}
