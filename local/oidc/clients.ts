/** Whether a token request comes from the registered app. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { importSPKI, jwtVerify } from 'jose';
import { LONGEST_LIFE_S } from './apple-secret.ts';

/** What Apple knows of the key an app signs its client secrets with. */
export type AppleKey = { teamId: string; keyId: string; publicKeyPem: string };

type Client = { clientId: string; clientSecret: string; appleKey?: AppleKey };

/** What is wrong with the app's credentials, or null. */
export async function clientProblem(
    client: Client,
    issuer: string,
    authorization: string | undefined,
    field: (name: string) => string
): Promise<string | null> {
    const basic = /^basic\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    const [id, secret] = basic ? decodeBasic(basic) : [field('client_id'), field('client_secret')];
    if (id !== client.clientId) return 'The client is unknown.';
    if (client.appleKey) {
        return signedSecretProblem(client.clientId, client.appleKey, issuer, secret);
    }
    return sameText(secret, client.clientSecret) ? null : 'The client secret is wrong.';
}

/** Apple's client secret: a token signed with the app's own key, naming team, app and Apple (RFC 7523). */
async function signedSecretProblem(
    clientId: string,
    key: AppleKey,
    issuer: string,
    secret: string
): Promise<string | null> {
    try {
        const { payload, protectedHeader } = await jwtVerify(
            secret,
            await importSPKI(key.publicKeyPem, 'ES256'),
            {
                algorithms: ['ES256'],
                issuer: key.teamId,
                subject: clientId,
                audience: issuer,
                requiredClaims: ['exp', 'iat']
            }
        );
        if (protectedHeader.kid !== key.keyId) return 'The client secret names another key.';
        const life = (payload.exp ?? 0) - (payload.iat ?? 0);
        return life > LONGEST_LIFE_S ? 'The client secret lives longer than six months.' : null;
    } catch (error) {
        return `The client secret does not verify: ${(error as Error).message}.`;
    }
}

/** RFC 6749, 2.3.1: both halves are form-encoded before they are joined. */
function decodeBasic(value: string): [string, string] {
    const [id = '', ...rest] = Buffer.from(value, 'base64').toString('utf8').split(':');
    const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '));
    try {
        return [decode(id), decode(rest.join(':'))];
    } catch {
        return ['', ''];
    }
}

function sameText(left: string, right: string): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(left), digest(right));
}
