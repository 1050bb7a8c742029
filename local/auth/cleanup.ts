/** Clean-up that rides on requests: each finished one may remove a few rows that nobody can use any more. */
import type { Auth } from './contract.ts';

const DAY_MS = 24 * 3_600_000;
const PAUSE_MS = 1000;

export type Cleanup = { afterRequest(): void; close(): Promise<void> };

/** One step a second at most, one table a step, a hundred rows a table. */
export function createCleanup({ sql, clock, log }: Pick<Auth, 'sql' | 'clock' | 'log'>): Cleanup {
    const before = (days: number) => new Date(clock.now().getTime() - days * DAY_MS);
    const steps = [
        () => sql`
            delete from auth.refresh_tokens where id in (
                select id from auth.refresh_tokens where revoked and updated_at < ${before(1)}
                limit 100 for update skip locked
            )
        `,
        () => sql`
            delete from auth.sessions where id in (
                select id from auth.sessions where not_after < ${before(3)} limit 10 for update skip locked
            )
        `,
        () => sql`
            delete from auth.flow_state where id in (
                select id from auth.flow_state where created_at < ${before(1)} limit 100 for update skip locked
            )
        `,
        () => sql`
            delete from auth.saml_relay_states where id in (
                select id from auth.saml_relay_states where created_at < ${before(1)} limit 100 for update skip locked
            )
        `,
        () => sql`
            delete from auth.mfa_challenges where id in (
                select id from auth.mfa_challenges where created_at < ${before(1)} limit 100 for update skip locked
            )
        `,
        () => sql`
            delete from auth.mfa_factors where id in (
                select id from auth.mfa_factors where created_at < ${before(1)} and status = 'unverified'
                limit 100 for update skip locked
            )
        `,
        () => sql`
            delete from auth.webauthn_challenges where id in (
                select id from auth.webauthn_challenges where expires_at < ${before(0)} limit 100 for update skip locked
            )
        `
    ];
    let turn = 0;
    let next = 0;
    let running: Promise<unknown> = Promise.resolve();
    return {
        afterRequest() {
            if (Date.now() < next) return;
            next = Date.now() + PAUSE_MS;
            const step = steps[turn % steps.length];
            turn += 1;
            running = running
                .then(step)
                .catch((error: unknown) => log(`auth: clean-up waits: ${(error as Error).message}`));
        },
        close: async () => void (await running)
    };
}
