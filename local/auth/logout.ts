/** Signing out: here, elsewhere, or everywhere. */
import { Hono } from 'hono';
import { audit } from './audit.ts';
import type { Auth, Env } from './contract.ts';
import { requirePerson } from './request.ts';
import { endSessions, readLogoutScope } from './sessions.ts';
import { inTransaction } from './transactions.ts';

export function logoutRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.post('/logout', async (c) => {
        const { user, session } = await requirePerson(auth, c);
        const scope = readLogoutScope(c.req.query('scope'));
        await inTransaction(auth, c.get('caller'), async (work) => {
            await audit(work, user, 'logout');
            await endSessions(work.db, user.id, scope, session?.id);
        });
        return c.body(null, 204);
    });

    return routes;
}
