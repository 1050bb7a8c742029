import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { listDomains } from '$lib/server/domains.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { giveable, listPermissions, listRoles } from '$lib/server/roles.ts';
import { settings } from '$lib/server/settings.ts';
import { endSso, getSso, setUpSso, SsoSetUp } from '$lib/server/sso.ts';
import { inOneLine } from '../../roles/words.ts';

const End = z.object({});

export const load = protectedLoad('members.write', async ({ db, account, me, event }) => {
    const mayChange = account.role.key === 'owner';
    if (mayChange) askFresh(me);
    const [sso, domains, roles, permissions] = await Promise.all([
        getSso(db, account.id),
        listDomains(db, account.id),
        listRoles(db, account.id),
        listPermissions(db)
    ]);
    // Nobody becomes an owner by signing in.
    const given = giveable(roles, account).filter(({ key }) => key !== 'owner');
    return {
        sso,
        proven: domains.filter(({ state }) => state === 'verified').map(({ domain }) => domain),
        mayChange,
        callback: `${settings().SUPABASE_URL}/auth/v1/callback`,
        roles: given.map((role) => ({
            value: role.id,
            label: role.name,
            hint: inOneLine(role, permissions)
        })),
        done: event.url.searchParams.get('done'),
        setUp: await blankForm(
            SsoSetUp,
            { role_id: given.find(({ key }) => key === 'staff')?.id ?? given[0]?.id },
            { id: 'set_up' }
        ),
        end: await blankForm(End, {}, { id: 'end' })
    };
});

export const actions = {
    set_up: protectedAction('members.write', SsoSetUp, async ({ db, account, input }) => {
        await setUpSso(db, account.id, input);
        redirect(303, '/more/team/sign-on?done=on');
    }),
    end: protectedAction('members.write', End, async ({ db, account }) => {
        await endSso(db, account.id);
        redirect(303, '/more/team/sign-on?done=off');
    })
};
