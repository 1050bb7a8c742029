/**
 * Apple's client secret: not a password but a token that the app signs with a key of its own, and that lives half a year
 * at most (developer.apple.com, "Creating a client secret"; RFC 7523, 2.2).
 */
import { decodeJwt, importPKCS8, SignJWT } from 'jose';

/** Who signs: the team and the key as Apple's developer pages name them, and the key's file (`AuthKey_….p8`). */
export type AppleSigner = { teamId: string; keyId: string; privateKeyPem: string };

/** Apple refuses a client secret that lives longer: 15,777,000 seconds. */
export const LONGEST_LIFE_S = 15_777_000;

/** Signs the secret of the app `clientId` (a Services ID) for `issuer`, Apple itself. It lives for `lifeS` seconds from now on. */
export async function signAppleSecret(
    signer: AppleSigner,
    clientId: string,
    { issuer, lifeS = LONGEST_LIFE_S }: { issuer: string; lifeS?: number }
): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT()
        .setProtectedHeader({ alg: 'ES256', kid: signer.keyId })
        .setIssuer(signer.teamId)
        .setSubject(clientId)
        .setAudience(issuer)
        .setIssuedAt(now)
        .setExpirationTime(now + lifeS)
        .sign(await importPKCS8(signer.privateKeyPem, 'ES256'));
}

/** When a client secret ends; null for a text that is no token or has no end: Apple takes neither. */
export function endOfAppleSecret(secret: string): Date | null {
    try {
        const { exp } = decodeJwt(secret);
        return exp === undefined ? null : new Date(exp * 1000);
    } catch {
        return null;
    }
}
