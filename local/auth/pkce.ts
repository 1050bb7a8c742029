/** Flow states: what is remembered between leaving for a provider or a mailbox and coming back (RFC 7636). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Database, Work } from './contract.ts';
import { refusal } from './errors.ts';
import type { UserRow } from './users.ts';

const LIFE_MS = 5 * 60_000;

export type FlowState = {
    id: string;
    user_id: string | null;
    auth_code: string | null;
    code_challenge_method: 's256' | 'plain' | null;
    code_challenge: string | null;
    provider_type: string;
    provider_access_token: string | null;
    provider_refresh_token: string | null;
    created_at: Date;
    authentication_method: string;
    auth_code_issued_at: Date | null;
    referrer: string | null;
    oauth_client_state_id: string | null;
    email_optional: boolean;
};

/** How the caller wants to come back: null for the implicit flow. */
export type Challenge = { challenge: string; method: 's256' | 'plain' } | null;

/** @throws AuthError validation_failed when only one half is given, or the challenge is out of form */
export function readChallenge(challenge: string, method: string): Challenge {
    if (!challenge && !method) return null;
    if (!challenge || !method) {
        throw refusal('validation_failed', 'PKCE flow requires code_challenge_method and code_challenge');
    }
    if (challenge.length < 43 || challenge.length > 128) {
        throw refusal('validation_failed', 'code challenge has to be between 43 and 128 characters');
    }
    if (!/^[A-Za-z0-9._~-]+$/.test(challenge)) {
        throw refusal(
            'validation_failed',
            'code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes'
        );
    }
    const lower = method.toLowerCase();
    if (lower !== 's256' && lower !== 'plain')
        throw refusal('validation_failed', 'Invalid code_challenge_method');
    return { challenge, method: lower };
}

export type FlowStart = {
    providerType: string;
    authenticationMethod: string;
    challenge: Challenge;
    user?: UserRow;
    referrer?: string;
    /** What proves to the provider that the code comes back to whoever asked for it. */
    clientStateId?: string | null;
    emailOptional?: boolean;
};

/** Remembers a flow and returns its id, which is also the `state` sent to a provider. */
export async function startFlow({ db, now }: Work, flow: FlowStart): Promise<string> {
    const id = crypto.randomUUID();
    await db`
        insert into auth.flow_state (
            id, user_id, auth_code, code_challenge_method, code_challenge, provider_type, authentication_method,
            referrer, oauth_client_state_id, email_optional, created_at, updated_at
        ) values (
            ${id}, ${flow.user?.id ?? null}, ${flow.challenge ? crypto.randomUUID() : null},
            ${flow.challenge?.method ?? null}, ${flow.challenge?.challenge ?? null}, ${flow.providerType},
            ${flow.authenticationMethod}, ${flow.referrer ?? null}, ${flow.clientStateId ?? null},
            ${flow.emailOptional ?? false}, ${now}, ${now}
        )
    `;
    return id;
}

export async function findFlow(db: Database, id: string): Promise<FlowState | null> {
    const [row] = await db<FlowState[]>`select * from auth.flow_state where id = ${id}`;
    return row ?? null;
}

export const isPkce = (flow: FlowState): boolean => flow.code_challenge !== null;

/** Five minutes from the start; where a mail lies between, from the moment its link was followed. */
export function isExpired(flow: FlowState, now: Date): boolean {
    const from = flow.authentication_method === 'magiclink' && flow.auth_code_issued_at;
    return now.getTime() > (from || flow.created_at).getTime() + LIFE_MS;
}

/**
 * Hands the flow's code to whoever came back from the mailbox.
 * @throws AuthError flow_state_not_found
 */
export async function issueCode(
    { db, now }: Work,
    user: UserRow,
    authenticationMethod: string
): Promise<string> {
    const [row] = await db<{ auth_code: string }[]>`
        update auth.flow_state
        set auth_code_issued_at = ${now}, updated_at = ${now}
        where id = (
            select id from auth.flow_state
            where user_id = ${user.id} and authentication_method = ${authenticationMethod} and auth_code is not null
            order by created_at desc
            limit 1
        )
        returning auth_code
    `;
    if (!row) {
        throw refusal(
            'flow_state_not_found',
            'No associated flow state found. No valid flow state found for user.',
            {
                status: 400
            }
        );
    }
    return row.auth_code;
}

/**
 * Takes the flow behind a code, which can be done once: of two at the same time one finds nothing.
 * @throws AuthError flow_state_not_found, flow_state_expired, bad_code_verifier
 */
export async function redeemCode({ db, now }: Work, code: string, verifier: string): Promise<FlowState> {
    const [flow] = await db<FlowState[]>`
        select * from auth.flow_state where auth_code = ${code} for update
    `;
    if (!flow?.user_id) throw refusal('flow_state_not_found');
    if (isExpired(flow, now)) throw refusal('flow_state_expired');
    if (!verifierMatches(flow, verifier)) throw refusal('bad_code_verifier');
    await db`delete from auth.flow_state where id = ${flow.id}`;
    return flow;
}

function verifierMatches(flow: FlowState, verifier: string): boolean {
    const made =
        flow.code_challenge_method === 'plain'
            ? verifier
            : createHash('sha256').update(verifier).digest('base64url');
    const kept = Buffer.from(flow.code_challenge ?? '');
    const given = Buffer.from(made);
    return kept.length === given.length && timingSafeEqual(kept, given);
}
