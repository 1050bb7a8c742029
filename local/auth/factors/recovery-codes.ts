/**
 * Recovery codes: the client knows their endpoints, but no project can switch them on yet. So this server answers as one
 * on which they are off, whatever is asked.
 */
import { Hono } from 'hono';
import type { Auth, Env } from '../contract.ts';
import { refusal, type ErrorCode } from '../errors.ts';
import { requireNamedPerson } from '../request.ts';

export function recoveryCodeRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();
    const refuse = (method: 'get' | 'post', path: string, code: ErrorCode) =>
        routes[method](`/factors/recovery-codes${path}`, async (c) => {
            await requireNamedPerson(auth, c);
            throw refusal(code);
        });
    refuse('get', '', 'mfa_factor_not_found');
    refuse('post', '', 'mfa_recovery_codes_enroll_not_enabled');
    refuse('post', '/regenerate', 'mfa_recovery_codes_enroll_not_enabled');
    refuse('post', '/verify', 'mfa_recovery_codes_verify_not_enabled');
    routes.delete('/factors/recovery-codes', async (c) => {
        const { session } = await requireNamedPerson(auth, c);
        if (session?.aal !== 'aal2') {
            throw refusal('insufficient_aal', 'Recovery codes are removed by an aal2 session', {
                status: 403
            });
        }
        throw refusal('mfa_factor_not_found');
    });
    return routes;
}
