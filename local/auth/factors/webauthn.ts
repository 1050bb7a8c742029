/** Security keys as second factors: registered by the first challenge they answer, proven by every later one. */
import { z } from 'zod';
import type { Work } from '../contract.ts';
import { refusal } from '../errors.ts';
import type { FactorRow, User } from '../users.ts';
import {
    Assertion,
    Creation,
    creationOptions,
    handleOf,
    judgeAssertion,
    judgeCreation,
    newChallenge,
    requestOptions,
    type Credential
} from '../webauthn/ceremony.ts';
import type { ChallengeRow } from './rows.ts';

type Ceremony = 'create' | 'request';

/** The part of the published session data that this server reads back. */
const SessionData = z.looseObject({ challenge: z.string(), ceremony: z.enum(['create', 'request']) });

/** The published column's form of a key: bytes in padded base64. */
const Stored = z.looseObject({
    id: z.string(),
    publicKey: z.string(),
    attestationType: z.string(),
    transport: z.array(z.string()).nullish(),
    flags: z.looseObject({
        userVerified: z.boolean(),
        backupEligible: z.boolean(),
        backupState: z.boolean()
    }),
    authenticator: z.looseObject({ AAGUID: z.string(), signCount: z.number() })
});

export const Answer = z.object({
    type: z.string().nullish(),
    credential_response: z.json().nullish()
});

/** What the browser is asked: to make a key for a new factor, to use one for a verified factor. */
export function askForKey(
    { auth }: Work,
    user: User,
    factor: FactorRow
): { data: Record<string, unknown>; session: Record<string, string> } {
    const challenge = newChallenge();
    const known = keysOf(user);
    const type: Ceremony = factor.status === 'verified' ? 'request' : 'create';
    const holder = { id: user.id, name: user.email ?? '', displayName: user.email ?? '' };
    const publicKey =
        type === 'create'
            ? creationOptions(
                  auth.settings,
                  challenge,
                  holder,
                  known.map(({ id }) => ({ id, transports: ['usb', 'nfc'] }))
              )
            : requestOptions(auth.settings, challenge, known);
    return {
        data: { type, credential_options: { publicKey } },
        session: { challenge, ceremony: type, user_id: handleOf(user.id), rpId: auth.settings.webauthn.rp_id }
    };
}

/**
 * What an answer proves: the key of a new factor, or nothing more than that the holder is there.
 * @throws AuthError validation_failed for one that is none; unexpected_failure for one that is wrong, as the published
 * server has it
 */
export async function judgeKey(
    { auth }: Work,
    user: User,
    challenge: ChallengeRow,
    answer: z.output<typeof Answer>
): Promise<{ key: Credential | null; type: Ceremony; response: Creation | Assertion }> {
    const { challenge: expected, ceremony } = SessionData.parse(challenge.web_authn_session_data);
    const wrong = () => refusal('unexpected_failure', 'The security key’s answer is not the right one');
    if (answer.type === 'create') {
        const response = parsed(Creation, answer.credential_response);
        const key = ceremony === 'create' ? await judgeCreation(auth.settings, expected, response) : null;
        if (!key) throw wrong();
        return { key, type: 'create', response };
    }
    const response = parsed(Assertion, answer.credential_response);
    const handle = response.response.userHandle;
    const known = keysOf(user).find(({ id }) => id === response.rawId);
    const mine = !handle || handle === handleOf(user.id);
    if (ceremony !== 'request' || !known || !mine) throw wrong();
    if ((await judgeAssertion(auth.settings, expected, response, known)) === null) throw wrong();
    return { key: null, type: 'request', response };
}

/** @throws AuthError validation_failed unless the answer names a ceremony and brings something */
export function demandAnswer(answer: z.output<typeof Answer> | null | undefined): z.output<typeof Answer> {
    if (!answer) throw refusal('validation_failed', 'Verifying a security key needs webauthn');
    if (answer.type !== 'create' && answer.type !== 'request') {
        throw refusal('validation_failed', 'webauthn.type is create or request');
    }
    if (!answer.credential_response) {
        throw refusal('validation_failed', 'Verifying needs webauthn.credential_response');
    }
    return answer;
}

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    throw refusal('validation_failed', 'credential_response is not what a browser answers');
}

/** Keeps a new factor's key, and what the last ceremony of any factor was. */
export async function rememberKey(
    { db, now }: Work,
    factor: FactorRow,
    challenge: ChallengeRow,
    judged: Awaited<ReturnType<typeof judgeKey>>
): Promise<void> {
    const { key } = judged;
    const last = {
        challenge: { challenge_id: challenge.id, factor_id: factor.id, created_at: challenge.created_at },
        type: judged.type,
        credential_response: judged.response
    };
    // The driver's JSON type does not know that dates and optional fields become JSON as well.
    const json = (value: object) => db.json(JSON.parse(JSON.stringify(value)) as Record<string, string>);
    await db`
        update auth.mfa_factors set last_webauthn_challenge_data = ${json(last)}, updated_at = ${now}
        where id = ${factor.id}
    `;
    if (!key || factor.status === 'verified') return;
    await db`
        update auth.mfa_factors
        set web_authn_credential = ${json(stored(key))}, web_authn_aaguid = ${key.aaguid}
        where id = ${factor.id}
    `;
}

const padded = (base64url: string): string => Buffer.from(base64url, 'base64url').toString('base64');
const unpadded = (base64: string): string => Buffer.from(base64, 'base64').toString('base64url');

const stored = (key: Credential): z.input<typeof Stored> => ({
    id: padded(key.id),
    publicKey: Buffer.from(key.publicKey).toString('base64'),
    attestationType: key.attestationType,
    transport: key.transports,
    flags: {
        userPresent: true,
        userVerified: key.userVerified,
        backupEligible: key.backupEligible,
        backupState: key.backedUp
    },
    authenticator: {
        AAGUID: Buffer.from(key.aaguid.replaceAll('-', ''), 'hex').toString('base64'),
        signCount: key.signCount,
        cloneWarning: false
    }
});

/** The keys of all the person's verified factors: any of them answers for any. */
function keysOf(user: User): Credential[] {
    return user.factors.flatMap((factor) => {
        if (factor.status !== 'verified' || !factor.web_authn_credential) return [];
        const key = Stored.parse(factor.web_authn_credential);
        return {
            id: unpadded(key.id),
            publicKey: new Uint8Array(Buffer.from(key.publicKey, 'base64')),
            aaguid: factor.web_authn_aaguid ?? '',
            signCount: key.authenticator.signCount,
            transports: key.transport ?? [],
            attestationType: key.attestationType,
            userVerified: key.flags.userVerified,
            backupEligible: key.flags.backupEligible,
            backedUp: key.flags.backupState
        };
    });
}
