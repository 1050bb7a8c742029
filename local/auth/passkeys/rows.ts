/** Passkeys and the challenges of their ceremonies as rows. */
import type { Database, Work } from '../contract.ts';
import { refusal } from '../errors.ts';
import { isUuid } from '../request.ts';
import type { User } from '../users.ts';
import type { Credential } from '../webauthn/ceremony.ts';

const CHALLENGE_MS = 300_000;
/** The published server knows authenticators by their model and names the passkey after it; this one knows none. */
const NAME = 'Passkey';

export type Passkey = Credential & {
    rowId: string;
    userId: string;
    friendlyName: string;
    createdAt: Date;
    lastUsedAt: Date | null;
};

type Row = {
    id: string;
    user_id: string;
    credential_id: Buffer;
    public_key: Buffer;
    attestation_type: string;
    aaguid: string | null;
    sign_count: string;
    transports: string[];
    backup_eligible: boolean;
    backed_up: boolean;
    friendly_name: string;
    created_at: Date;
    last_used_at: Date | null;
};

export async function passkeysOf(db: Database, user: User): Promise<Passkey[]> {
    const rows = await db<Row[]>`
        select * from auth.webauthn_credentials where user_id = ${user.id} order by created_at, id
    `;
    return rows.map(passkey);
}

/** @throws AuthError validation_failed (404) for one that the person does not have */
export async function ownPasskey(db: Database, user: User, id: string): Promise<Passkey> {
    const missing = () => refusal('validation_failed', 'Passkey not found', { status: 404 });
    if (!isUuid(id)) throw missing();
    const [row] = await db<Row[]>`
        select * from auth.webauthn_credentials where id = ${id} and user_id = ${user.id}
    `;
    if (!row) throw missing();
    return passkey(row);
}

/** @throws AuthError webauthn_credential_exists */
export async function insertPasskey({ db, now }: Work, user: User, key: Credential): Promise<Passkey> {
    const [row] = await db<Row[]>`
        insert into auth.webauthn_credentials (
            user_id, credential_id, public_key, attestation_type, aaguid, sign_count, transports, backup_eligible,
            backed_up, friendly_name, created_at, updated_at
        ) values (
            ${user.id}, ${Buffer.from(key.id, 'base64url')}, ${Buffer.from(key.publicKey)}, ${key.attestationType},
            ${key.aaguid}, ${key.signCount}, ${db.json(key.transports)}, ${key.backupEligible}, ${key.backedUp},
            ${NAME}, ${now}, ${now}
        )
        on conflict (credential_id) do nothing
        returning *
    `;
    if (!row) throw refusal('webauthn_credential_exists');
    return passkey(row);
}

export async function notePasskeyUse({ db, now }: Work, { rowId }: Passkey, counter: number): Promise<void> {
    await db`
        update auth.webauthn_credentials
        set sign_count = ${counter}, last_used_at = ${now}, updated_at = ${now}
        where id = ${rowId}
    `;
}

export async function renamePasskey({ db, now }: Work, { rowId }: Passkey, name: string): Promise<void> {
    await db`
        update auth.webauthn_credentials set friendly_name = ${name}, updated_at = ${now} where id = ${rowId}
    `;
}

export async function dropPasskey(db: Database, { rowId }: Passkey): Promise<void> {
    await db`delete from auth.webauthn_credentials where id = ${rowId}`;
}

// Challenges --------------------------------------------------------------------------------------------------

export type CeremonyKind = 'registration' | 'authentication';

export async function insertCeremony(
    { db, now }: Work,
    kind: CeremonyKind,
    challenge: string,
    user: User | null
): Promise<{ id: string; expiresAt: number }> {
    const id = crypto.randomUUID();
    const expiresAt = new Date(now.getTime() + CHALLENGE_MS);
    await db`
        insert into auth.webauthn_challenges (id, user_id, challenge_type, session_data, created_at, expires_at)
        values (${id}, ${user?.id ?? null}, ${kind}, ${db.json({ challenge })}, ${now}, ${expiresAt})
    `;
    return { id, expiresAt: Math.floor(expiresAt.getTime() / 1000) };
}

/** Takes a challenge away, so that it is answered once, rightly or not. */
export async function takeCeremony(
    { db, now }: Work,
    kind: CeremonyKind,
    id: string,
    user: User | null
): Promise<{ challenge: string; expired: boolean } | null> {
    const [row] = await db<{ challenge: string; expires_at: Date }[]>`
        delete from auth.webauthn_challenges
        where id = ${id} and challenge_type = ${kind} and user_id is not distinct from ${user?.id ?? null}
        returning session_data ->> 'challenge' as challenge, expires_at
    `;
    return row ? { challenge: row.challenge, expired: now > row.expires_at } : null;
}

const passkey = (row: Row): Passkey => ({
    rowId: row.id,
    userId: row.user_id,
    id: row.credential_id.toString('base64url'),
    publicKey: new Uint8Array(row.public_key),
    aaguid: row.aaguid ?? '',
    signCount: Number(row.sign_count),
    transports: row.transports,
    attestationType: row.attestation_type,
    userVerified: false,
    backupEligible: row.backup_eligible,
    backedUp: row.backed_up,
    friendlyName: row.friendly_name,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at
});
