// The project's signing key and API keys. Tokens are ES256 as on a hosted project with asymmetric keys.

import { generateKeyPair, exportJWK, importJWK, SignJWT, jwtVerify, calculateJwkThumbprint } from 'jose';
import type { JWK, JWTPayload } from 'jose';
import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';

export type Keys = {
    /** `iss` of every token: the public address of the auth server. */
    issuer: string;
    /** Signs exactly these claims; `iss` is added when absent. */
    sign(claims: Record<string, unknown>): Promise<string>;
    /** Returns the claims of a token of this project that has not expired; throws otherwise. */
    verify(jwt: string): Promise<JWTPayload>;
    jwks(): { keys: JWK[] };
};

/** A new private signing key as JWK, with its RFC 7638 thumbprint as `kid`. */
export async function newSigningKey(): Promise<JWK> {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(privateKey);
    return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' };
}

/** An API key in the published form: a public prefix, 22 random characters and 8 more. */
export function newApiKey(kind: 'publishable' | 'secret'): string {
    return `sb_${kind}_${randomBytes(17).toString('base64url').slice(0, 22)}_${randomBytes(6).toString('base64url')}`;
}

export async function createKeys(signingKey: JWK, issuer: string, clock: Clock): Promise<Keys> {
    const { d: _private, ...publicJwk } = signingKey;
    const privateKey = await importJWK(signingKey, 'ES256');
    const publicKey = await importJWK(publicJwk, 'ES256');
    const kid = signingKey.kid ?? '';
    return {
        issuer,
        sign: (claims) =>
            new SignJWT({ iss: issuer, ...claims })
                .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
                .sign(privateKey),
        verify: async (jwt) =>
            (await jwtVerify(jwt, publicKey, { algorithms: ['ES256'], currentDate: clock.now() })).payload,
        jwks: () => ({ keys: [{ ...publicJwk, key_ops: ['verify'] }] })
    };
}
