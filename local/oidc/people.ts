/** Who can sign in at a stand-in, and under which subject: made up, and the same after every start. */
import { createHash } from 'node:crypto';

export type ProviderName = 'google' | 'apple';

export type Person = {
    name: string;
    email: string;
    /** Whether the provider vouches for the address; it does unless told otherwise. */
    emailVerified?: boolean;
};

export const DEFAULT_PEOPLE: readonly Person[] = [
    { name: 'Dana Whitlock', email: 'dana.whitlock@gmail.example' },
    { name: 'Imran Sethi', email: 'imran@sethi-electrical.example' },
    { name: 'Morag Bell', email: 'morag.bell@icloud.example' }
];

/** The identifier a provider would use for this person: a number at Google, three dotted parts at Apple. */
export function subjectOf(provider: ProviderName, email: string): string {
    const digest = createHash('sha256').update(`${provider} ${email.toLowerCase()}`).digest('hex');
    if (provider === 'google')
        return `1${BigInt(`0x${digest.slice(0, 24)}`)
            .toString()
            .padStart(20, '0')
            .slice(-20)}`;
    return `00${BigInt(`0x${digest.slice(0, 5)}`)
        .toString()
        .slice(-4)
        .padStart(4, '0')}.${digest.slice(5, 37)}.0412`;
}

/** The address Apple shows an app instead of the real one: one for each person and app. */
export function relayAddress(email: string, clientId: string): string {
    const digest = createHash('sha256').update(`relay ${clientId} ${email.toLowerCase()}`).digest('hex');
    return `${BigInt(`0x${digest.slice(0, 14)}`)
        .toString(36)
        .padStart(10, '0')
        .slice(-10)}@privaterelay.appleid.com`;
}

export const isEmailAddress = (text: string): boolean =>
    /^[^\s@<>"]+@[^\s@<>"]+$/.test(text) && text.length <= 255;
