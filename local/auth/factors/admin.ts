/** What the service key may do to somebody's factors: list, rename, remove them. None of it asks the person. */
import { Hono } from 'hono';
import { z } from 'zod';
import { namedUser } from '../admin.ts';
import { audit, serviceActor } from '../audit.ts';
import type { Auth, Env } from '../contract.ts';
import { readBody, requireService, text } from '../request.ts';
import { inTransaction } from '../transactions.ts';
import { factorJson, reloadUser } from '../users.ts';
import { lowerSessionsOf } from './assurance.ts';
import { ownFactor } from './rows.ts';

const Change = z.object({ friendly_name: text, phone: text });

export function adminFactorRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();

    routes.get('/admin/users/:id/factors', async (c) => {
        await requireService(auth, c);
        return c.json((await namedUser(auth, c)).factors.map(factorJson));
    });

    routes.put('/admin/users/:id/factors/:factor', async (c) => {
        const role = await requireService(auth, c);
        const user = await namedUser(auth, c);
        const factor = ownFactor(user, c.req.param('factor'));
        const { friendly_name: name } = await readBody(c, Change);
        const changed = await inTransaction(auth, c.get('caller'), async (work) => {
            if (name) {
                await work.db`
                    update auth.mfa_factors set friendly_name = ${name}, updated_at = ${work.now}
                    where id = ${factor.id}
                `;
            }
            await audit(work, serviceActor(role), 'factor_updated', {
                user_id: user.id,
                factor_id: factor.id,
                factor_type: factor.factor_type
            });
            return reloadUser(work.db, user);
        });
        return c.json(factorJson(ownFactor(changed, factor.id)));
    });

    routes.delete('/admin/users/:id/factors/:factor', async (c) => {
        await requireService(auth, c);
        const user = await namedUser(auth, c);
        const factor = ownFactor(user, c.req.param('factor'));
        await inTransaction(auth, c.get('caller'), async (work) => {
            await audit(work, user, 'factor_deleted', { user_id: user.id, factor_id: factor.id });
            await work.db`delete from auth.mfa_factors where id = ${factor.id}`;
            await lowerSessionsOf(work.db, factor);
        });
        return c.json(factorJson(factor));
    });

    return routes;
}
