import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { checkDomain, getDomain, joinings, removeDomain, setDomainJoining } from '$lib/server/domains.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { pathId, protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { DomainId, RoleId } from '$lib/server/ids.ts';
import { giveable, listPermissions, listRoles } from '$lib/server/roles.ts';
import { inOneLine } from '../../../roles/words.ts';

const Check = z.object({});
const Remove = z.object({});
const Join = z.object({
    joining: z.enum(joinings, 'Choose who may join.').default('approval'),
    // No enum of ids: what is offered is decided by who asks.
    role_id: RoleId
});

export const load = protectedLoad('members.write', async ({ db, account, me, event }) => {
    const id = pathId(event, 'domain', DomainId);
    const mayChange = account.role.key === 'owner';
    if (mayChange) askFresh(me);
    const [domain, roles, permissions] = await Promise.all([
        getDomain(db, account.id, id),
        listRoles(db, account.id),
        listPermissions(db)
    ]);
    return {
        domain,
        mayChange,
        // Nobody becomes an owner by an address.
        roles: giveable(roles, account)
            .filter(({ key }) => key !== 'owner')
            .map((role) => ({ value: role.id, label: role.name, hint: inOneLine(role, permissions) })),
        looked: event.url.searchParams.has('looked'),
        saved: event.url.searchParams.has('saved'),
        check: await blankForm(Check, {}, { id: 'check' }),
        join: await blankForm(Join, { joining: domain.joining, role_id: domain.role_id }, { id: 'join' }),
        remove: await blankForm(Remove, {}, { id: 'remove' })
    };
});

export const actions = {
    check: protectedAction('members.write', Check, async ({ db, account, event }) => {
        const id = pathId(event, 'domain', DomainId);
        await checkDomain(db, account.id, id);
        redirect(303, `/more/team/domains/${id}?looked`);
    }),
    join: protectedAction('members.write', Join, async ({ db, account, input, event }) => {
        const id = pathId(event, 'domain', DomainId);
        await setDomainJoining(db, account.id, id, input);
        redirect(303, `/more/team/domains/${id}?saved`);
    }),
    remove: protectedAction('members.write', Remove, async ({ db, account, event }) => {
        await removeDomain(db, account.id, pathId(event, 'domain', DomainId));
        redirect(303, '/more/team/domains?removed');
    })
};
