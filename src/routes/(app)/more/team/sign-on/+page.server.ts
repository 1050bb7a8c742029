import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { addDays, dayOf } from '$lib/domain/dates.ts';
import { listDomains } from '$lib/server/domains.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { giveable, listPermissions, listRoles } from '$lib/server/roles.ts';
import { settings } from '$lib/server/settings.ts';
import {
    endSso,
    getSso,
    renewSaml,
    SamlRenewal,
    SamlSetUp,
    setUpSaml,
    setUpSso,
    SsoSetUp,
    switchSso,
    type Sso
} from '$lib/server/sso.ts';
import { inOneLine } from '../../roles/words.ts';

const End = z.object({});
const Switch = z.object({ on: z.enum(['yes', 'no']) });
const Kind = z.enum(['oidc', 'saml']).catch('oidc');
const Done = z.enum(['on', 'off', 'paused', 'renewed']).nullable().catch(null);

/** Long enough to reach whoever looks after the provider. */
const NOTICE_DAYS = 30;

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
    const role_id = given.find(({ key }) => key === 'staff')?.id ?? given[0]?.id;
    const auth = `${settings().SUPABASE_URL}/auth/v1`;
    return {
        sso: sso && { ...sso, certificate: certificateOf(sso) },
        by: Kind.parse(event.url.searchParams.get('by')),
        proven: domains.filter(({ state }) => state === 'verified').map(({ domain }) => domain),
        mayChange,
        ours: {
            callback: `${auth}/callback`,
            acs: `${auth}/sso/saml/acs`,
            metadata: `${auth}/sso/saml/metadata`
        },
        roles: given.map((role) => ({
            value: role.id,
            label: role.name,
            hint: inOneLine(role, permissions)
        })),
        done: Done.parse(event.url.searchParams.get('done')),
        setUp: await blankForm(SsoSetUp, { role_id }, { id: 'set_up' }),
        setUpSaml: await blankForm(SamlSetUp, { role_id }, { id: 'set_up_saml' }),
        renew: await blankForm(SamlRenewal, {}, { id: 'renew' }),
        switch: await blankForm(Switch, { on: sso?.state === 'off' ? 'yes' : 'no' }, { id: 'switch' }),
        end: await blankForm(End, {}, { id: 'end' })
    };
});

/** Until when a SAML provider's signature is believed. */
function certificateOf(sso: Sso) {
    if (sso.kind === 'oidc') return null;
    const endsOn = dayOf(new Date(sso.certificate_ends_at));
    const today = dayOf(new Date());
    const state = endsOn < today ? 'ended' : endsOn <= addDays(today, NOTICE_DAYS) ? 'soon' : 'good';
    return { endsOn, state } as const;
}

const done = (what: NonNullable<z.infer<typeof Done>>): never =>
    redirect(303, `/more/team/sign-on?done=${what}`);

export const actions = {
    set_up: protectedAction('members.write', SsoSetUp, async ({ db, account, input }) => {
        await setUpSso(db, account.id, input);
        done('on');
    }),
    set_up_saml: protectedAction('members.write', SamlSetUp, async ({ db, account, input }) => {
        await setUpSaml(db, account.id, input);
        done('on');
    }),
    renew: protectedAction('members.write', SamlRenewal, async ({ db, account, input }) => {
        await renewSaml(db, account.id, input);
        done('renewed');
    }),
    switch: protectedAction('members.write', Switch, async ({ db, account, input }) => {
        const on = input.on === 'yes';
        await switchSso(db, account.id, on);
        done(on ? 'on' : 'paused');
    }),
    end: protectedAction('members.write', End, async ({ db, account }) => {
        await endSso(db, account.id);
        done('off');
    })
};
