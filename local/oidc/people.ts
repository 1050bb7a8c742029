/** Who can sign in at a stand-in, and under which subject: made up, and the same after every start. */
import { createHash } from 'node:crypto';
import { z } from 'zod';

/** `sso` is the identity provider that a business runs for its own people. */
export type ProviderName = 'google' | 'apple' | 'azure' | 'sso';

export const Person = z.object({
    name: z.string(),
    email: z.string(),
    /** Whether the provider vouches for the address; it does unless told otherwise. */
    emailVerified: z.boolean().optional(),
    /** The provider does not say whether it vouches: Microsoft, to an app that does not ask for the claim xms_edov. */
    proofUnsaid: z.boolean().optional(),
    /** They sign in with this name, but have no mailbox: Microsoft then names no address. */
    addressMissing: z.boolean().optional()
});
export type Person = z.output<typeof Person>;

export const DEFAULT_PEOPLE: readonly Person[] = [
    { name: 'Dana Whitlock', email: 'dana.whitlock@gmail.example' },
    { name: 'Imran Sethi', email: 'imran@sethi-electrical.example' },
    { name: 'Morag Bell', email: 'morag.bell@icloud.example' }
];

/** The identifier that a provider would use for this person: a number, three dotted parts, or one word for each app. */
export function subjectOf(provider: ProviderName, email: string): string {
    const digest = createHash('sha256').update(`${provider} ${email.toLowerCase()}`).digest('hex');
    if (provider === 'google')
        return `1${BigInt(`0x${digest.slice(0, 24)}`)
            .toString()
            .padStart(20, '0')
            .slice(-20)}`;
    if (provider === 'azure' || provider === 'sso') return Buffer.from(digest, 'hex').toString('base64url');
    return `00${BigInt(`0x${digest.slice(0, 5)}`)
        .toString()
        .slice(-4)
        .padStart(4, '0')}.${digest.slice(5, 37)}.0412`;
}

/** The directory that everybody's personal Microsoft account is in, and the one of somebody's employer, by their address. */
export function tenantOf(email: string): string {
    const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
    if (/^(outlook|hotmail|live)\./.test(domain)) return '9188040d-6c67-4c5b-b112-36a304b66dad';
    const digest = createHash('sha256').update(`tenant ${domain}`).digest('hex');
    return digest.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
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
