/**
 * WebAuthn's two ceremonies: the options that a browser is given, and the judgement of what it brings back. Who may ask,
 * and what a good answer is worth, is decided by those who call.
 */
import { randomBytes } from 'node:crypto';
import {
    verifyAuthenticationResponse,
    verifyRegistrationResponse,
    type AuthenticationResponseJSON,
    type AuthenticatorTransport,
    type RegistrationResponseJSON
} from '@simplewebauthn/server';
import { z } from 'zod';
import type { AuthSettings } from '../settings.ts';

/** ES, RS and PS with SHA-256, 384 and 512, and EdDSA, in the order of the published server. */
const ALGORITHMS = [-7, -35, -36, -257, -258, -259, -37, -38, -39, -8];
const CHALLENGE_BYTES = 32;
const TIMEOUT_MS = 300_000;

/** A browser's answer in the JSON form of WebAuthn Level 3; what is inside is the library's to judge. */
const credentialOf = <Shape extends z.ZodRawShape>(response: Shape) =>
    z.looseObject({
        id: z.base64url(),
        rawId: z.base64url(),
        type: z.literal('public-key'),
        clientExtensionResults: z.looseObject({}).default({}),
        response: z.looseObject({ clientDataJSON: z.base64url(), ...response })
    });
export const Creation = credentialOf({
    attestationObject: z.base64url(),
    transports: z.array(z.string()).nullish()
});
export const Assertion = credentialOf({
    authenticatorData: z.base64url(),
    signature: z.base64url(),
    userHandle: z.base64url().nullish()
});
export type Creation = z.output<typeof Creation>;
export type Assertion = z.output<typeof Assertion>;

/** A key as it is kept: everything a later ceremony is judged by. */
export type Credential = {
    /** base64url */
    id: string;
    publicKey: Uint8Array<ArrayBuffer>;
    aaguid: string;
    signCount: number;
    transports: string[];
    attestationType: string;
    userVerified: boolean;
    backupEligible: boolean;
    backedUp: boolean;
};

export type Holder = { id: string; name: string; displayName: string };

export const newChallenge = (): string => randomBytes(CHALLENGE_BYTES).toString('base64url');

/** A person's id as authenticators carry it: the text of the uuid, not its bytes. */
export const handleOf = (userId: string): string => Buffer.from(userId).toString('base64url');

/** What navigator.credentials.create() is asked. */
export function creationOptions(
    { webauthn }: AuthSettings,
    challenge: string,
    holder: Holder,
    exclude: { id: string; transports?: string[] }[]
): Record<string, unknown> {
    return {
        rp: { name: webauthn.rp_display_name, id: webauthn.rp_id },
        user: { name: holder.name, displayName: holder.displayName, id: handleOf(holder.id) },
        challenge,
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
        timeout: TIMEOUT_MS,
        ...(exclude.length > 0
            ? { excludeCredentials: exclude.map((each) => ({ type: 'public-key', ...each })) }
            : {}),
        authenticatorSelection: {}
    };
}

/** What navigator.credentials.get() is asked; without `allow` the authenticator says who its holder is. */
export function requestOptions(
    { webauthn }: AuthSettings,
    challenge: string,
    allow: Pick<Credential, 'id' | 'transports'>[] = []
): Record<string, unknown> {
    return {
        challenge,
        timeout: TIMEOUT_MS,
        rpId: webauthn.rp_id,
        ...(allow.length > 0
            ? {
                  allowCredentials: allow.map(({ id, transports }) => ({
                      type: 'public-key',
                      id,
                      ...(transports.length > 0 ? { transports } : {})
                  }))
              }
            : {})
    };
}

/** The key that a creation brings; null when origin, relying party, challenge or attestation are not right. */
export async function judgeCreation(
    { webauthn }: AuthSettings,
    challenge: string,
    response: Creation
): Promise<Credential | null> {
    const judged = await verifyRegistrationResponse({
        response: response as unknown as RegistrationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: webauthn.rp_origins,
        expectedRPID: webauthn.rp_id,
        requireUserVerification: false,
        supportedAlgorithmIDs: ALGORITHMS
    }).catch(() => null);
    if (!judged?.verified) return null;
    const { credential, aaguid, fmt, credentialDeviceType, credentialBackedUp, userVerified } =
        judged.registrationInfo;
    return {
        id: credential.id,
        publicKey: credential.publicKey,
        aaguid,
        signCount: credential.counter,
        transports: response.response.transports ?? [],
        attestationType: fmt,
        userVerified,
        backupEligible: credentialDeviceType === 'multiDevice',
        backedUp: credentialBackedUp
    };
}

/**
 * The counter that an assertion leaves behind; null when anything about it is not right. A counter that went backwards
 * is let through, as on the published server, which keeps the higher one and says nothing.
 */
export async function judgeAssertion(
    { webauthn }: AuthSettings,
    challenge: string,
    response: Assertion,
    known: Credential
): Promise<number | null> {
    const judged = await verifyAuthenticationResponse({
        response: response as unknown as AuthenticationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: webauthn.rp_origins,
        expectedRPID: webauthn.rp_id,
        requireUserVerification: false,
        credential: {
            id: known.id,
            publicKey: known.publicKey,
            counter: 0,
            transports: known.transports as AuthenticatorTransport[]
        }
    }).catch(() => null);
    if (!judged?.verified) return null;
    const { credentialDeviceType, newCounter } = judged.authenticationInfo;
    if ((credentialDeviceType === 'multiDevice') !== known.backupEligible) return null;
    return Math.max(newCounter, known.signCount);
}
