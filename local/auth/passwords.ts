/** Passwords exist only as bcrypt hashes of cost 10. */
import { randomBytes } from 'node:crypto';
import { refusal } from './errors.ts';
import { compare, hash } from './hashing.ts';
import type { AuthSettings } from './settings.ts';

const COST = 10;
/** bcrypt reads no further, so a longer password would be cut without a word. */
const MAX_BYTES = 72;

export const hashPassword = (password: string): Promise<string> => hash(password, COST);

export async function passwordMatches(password: string, encrypted: string | null): Promise<boolean> {
    if (!encrypted || Buffer.byteLength(password) > MAX_BYTES) return false;
    return compare(password, encrypted);
}

/**
 * The hash of a password that nobody knows, for those who sign up with a code. Random digits in bcrypt's form serve
 * as well as hashing a random password and save its 80 ms.
 */
export function unknownPasswordHash(): string {
    const alphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    const digits = [...randomBytes(53)].map((byte) => alphabet[byte % 64]).join('');
    return `$2a$${COST}$${digits}`;
}

export type Weakness = { message: string; reasons: string[] };

/**
 * What is wrong with a password, or null.
 * @throws AuthError validation_failed when bcrypt could not take all of it
 */
export function weaknessOf(settings: AuthSettings, password: string): Weakness | null {
    if (Buffer.byteLength(password) > MAX_BYTES) {
        throw refusal('validation_failed', `Password cannot be longer than ${MAX_BYTES} characters`);
    }
    const reasons: string[] = [];
    const messages: string[] = [];
    if (Buffer.byteLength(password) < settings.minimum_password_length) {
        reasons.push('length');
        messages.push(`Password should be at least ${settings.minimum_password_length} characters.`);
    }
    const sets = settings.passwordCharacterSets;
    if (!sets.every((set) => [...password].some((character) => set.includes(character)))) {
        reasons.push('characters');
        messages.push(`Password should contain at least one character of each: ${sets.join(', ')}.`);
    }
    return reasons.length > 0 ? { message: messages.join(' '), reasons } : null;
}

/** @throws AuthError weak_password, validation_failed */
export function demandStrength(settings: AuthSettings, password: string): void {
    const weakness = weaknessOf(settings, password);
    if (!weakness) return;
    throw refusal('weak_password', weakness.message, {
        extra: { weak_password: { reasons: weakness.reasons } }
    });
}
