/**
 * What the audit trail is told at the gate: who got in and who did not, for known and unknown logins alike. What happens
 * at the auth server's own door is recorded by triggers on its tables.
 */
import { z } from 'npm:zod@4.6.7';
import { describeFailure } from '../_shared/log.ts';
import { callService } from '../_shared/service.ts';
import type { Attempt } from './attempts.ts';
import { deviceWords } from './keep-session.ts';
import { act, type Visit } from './visit.ts';

export type Told = {
    readonly email: string | null;
    readonly userId: string | null;
    readonly method: Attempt['method'] | 'mail' | 'setup' | 'question';
    readonly result: 'ok' | 'failed' | 'refused';
    readonly code: string | null;
};

/** That the trail can't be written is logged; it keeps nobody out. */
export async function record(visit: Visit, { email, userId, method, result, code }: Told): Promise<void> {
    // A factor is given, or set up, by somebody whom the session names already.
    const known =
        method === 'factor' || method === 'setup' || method === 'question'
            ? (visit.person?.userId ?? null)
            : null;
    const told = { email, user_id: userId ?? known, method, result, code, device: deviceWords(visit) };
    await callService(act(visit), 'record_sign_in', told, z.null()).catch((failure: unknown) =>
        visit.call.log.error('sign_in_not_recorded', describeFailure(failure))
    );
}
