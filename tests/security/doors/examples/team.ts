// The doors of the team, its roles and invitations.
import type { Business } from '../../../support/business.ts';
import { aRequestToJoin, prove, publish } from '../../../support/dns.ts';
import { aMetadataUrl, typedSaml } from '../../../support/saml-business.ts';
import { askSso, typed } from '../../../support/sso.ts';
import { BLANK, WHO, changes, everybody, key, shows, type Examples } from './example.ts';

const OWNER = { for: everybody, by: 'private.hand_over_ownership asks again whether it is an owner' };
const SSO = { for: ['nobody'] as const, by: 'the edge function asks for somebody who is signed in' };
const TEAM = 'says who works there and in which role, nothing that the business typed';

/** The id of the membership of somebody of the team, or who was. */
export async function aMember(of: Business, given: { removed?: true; role?: string } = {}): Promise<string> {
    const person = await of.withMember('staff');
    const read = await of.owner.db
        .from('members')
        .select('id')
        .eq('account_id', of.accountId)
        .eq('user_id', person.id)
        .single<{ id: string }>();
    if (read.error) throw read.error;
    const member = { account_id: of.accountId, member_id: read.data.id };
    if (given.role) await asOwner(of, 'change_member_role', { ...member, role_id: given.role });
    if (given.removed) await asOwner(of, 'remove_member', member);
    return read.data.id;
}

/** A role that the business made and named. */
const aRole = (of: Business): Promise<string> =>
    asOwner(of, 'save_role', {
        account_id: of.accountId,
        role_id: null,
        name: `Books ${of.marked} ${key().slice(0, 8)}`,
        permissions: ['jobs.read'],
        idempotency_key: key()
    });

async function asOwner(of: Business, name: string, args: Record<string, unknown>): Promise<string> {
    const { data, error } = await of.owner.db.rpc(name, args);
    if (error) throw error;
    return data as string;
}

/** A domain with the business's word in it, and room for it on the list. */
export async function aDomainName(of: Business): Promise<string> {
    const read = await of.owner.db
        .from('domains')
        .select('id')
        .eq('account_id', of.accountId)
        .order('created_at')
        .returns<{ id: string }[]>();
    if (read.error) throw read.error;
    for (const { id } of read.data.slice(0, -5))
        await asOwner(of, 'remove_domain', { account_id: of.accountId, domain_id: id });
    return `${of.marked || 'firm'}-${key().slice(0, 8)}.example`;
}

/** Takes single sign-on off, where it is on or begun. */
const withoutSso = (of: Business): Promise<unknown> => askSso(of, { action: 'end' });

/** Sets SAML up in place of what was there; the address of the provider's metadata. */
async function withSamlAnew(of: Business): Promise<string> {
    await withoutSso(of);
    await aDomain(of, { proven: true });
    const metadata_url = aMetadataUrl();
    await askSso(of, { action: 'set_up_saml', ...(await typedSaml(of, { metadata_url })) });
    return metadata_url;
}

/** A domain that the business has named; its record may stand where it belongs. */
export async function aDomain(
    of: Business,
    given: { published?: true; proven?: true } = {}
): Promise<string> {
    const named = { account_id: of.accountId, domain: await aDomainName(of), idempotency_key: key() };
    const id = await asOwner(of, 'add_domain', named);
    if (given.proven) await prove(of, named.domain, id);
    if (given.published) await publish(of.owner.db, named.domain);
    return id;
}

/** An address with the business's word in it. */
const anAddress = (of: Business): string => `${of.marked}-${key().slice(0, 8)}@example.test`;

export const team: Examples = {
    '/(app)/more/leave load': [{ does: 'neither', because: WHO, request: () => ({ path: '/more/leave' }) }],
    '/(app)/more/leave action:default': [
        {
            does: 'neither',
            because: 'without the tick it changes nothing; integration/web/team.test.ts leaves',
            request: () => ({ path: '/more/leave', fields: {} })
        }
    ],
    '/(app)/more/roles load': [shows(async (of) => (await aRole(of), { path: '/more/roles' }))],
    '/(app)/more/roles action:delete': [
        changes(async (of) => ({ path: '/more/roles?/delete', fields: { role_id: await aRole(of) } }))
    ],
    '/(app)/more/roles action:restore': [
        changes(() => ({
            path: '/more/roles?/restore',
            fields: { name: `Again ${key()}`, permissions: 'jobs.read', idempotency_key: key() }
        }))
    ],
    '/(app)/more/roles/[role] load': [shows(async (of) => ({ path: `/more/roles/${await aRole(of)}` }))],
    '/(app)/more/roles/[role] action:demand': [
        changes(async (of) => ({
            path: `/more/roles/${await aRole(of)}?/demand`,
            fields: { demanded: 'yes' }
        }))
    ],
    '/(app)/more/roles/[role]/edit load': [
        shows(async (of) => ({ path: `/more/roles/${await aRole(of)}/edit` }))
    ],
    '/(app)/more/roles/[role]/edit action:default': [
        changes(async (of) => ({
            path: `/more/roles/${await aRole(of)}/edit`,
            fields: { name: `Renamed ${key()}`, permissions: 'jobs.read', idempotency_key: key() }
        }))
    ],
    '/(app)/more/roles/new load': [
        { does: 'neither', because: BLANK, request: () => ({ path: '/more/roles/new' }) }
    ],
    '/(app)/more/roles/new action:default': [
        changes(() => ({
            path: '/more/roles/new',
            fields: { name: `New ${key()}`, permissions: 'jobs.read', idempotency_key: key() }
        }))
    ],
    '/(app)/more/team load': [
        shows(async (of) => (await of.anInvitation(anAddress(of)), { path: '/more/team' }))
    ],
    '/(app)/more/team action:resend': [
        changes(async (of) => ({
            path: '/more/team?/resend',
            fields: { invitation_id: await of.anInvitation(anAddress(of)), idempotency_key: key() }
        }))
    ],
    '/(app)/more/team action:withdraw': [
        changes(async (of) => ({
            path: '/more/team?/withdraw',
            fields: { invitation_id: await of.anInvitation(anAddress(of)) }
        }))
    ],
    '/(app)/more/team action:restore': [
        changes(async (of) => ({
            path: '/more/team?/restore',
            fields: { member_id: await aMember(of, { removed: true }) }
        }))
    ],
    '/(app)/more/team/domains load': [
        shows(async (of) => (await aDomain(of), { path: '/more/team/domains' }))
    ],
    '/(app)/more/team/domains action:default': [
        // What is typed comes back with a refusal, so that it carries no word of the business; the list does.
        changes(async (of) => {
            await aDomain(of);
            return {
                path: '/more/team/domains',
                fields: { domain: `new-${key()}.example`, idempotency_key: key() }
            };
        })
    ],
    '/(app)/more/team/domains/[domain] load': [
        shows(async (of) => ({ path: `/more/team/domains/${await aDomain(of)}` }))
    ],
    '/(app)/more/team/domains/[domain] action:check': [
        {
            ...changes(async (of) => ({
                path: `/more/team/domains/${await aDomain(of, { published: true })}?/check`,
                fields: {}
            })),
            thirdCheck: { for: ['nobody'], by: 'the edge function asks for somebody who is signed in' }
        }
    ],
    '/(app)/more/team/domains/[domain] action:join': [
        changes(async (of) => ({
            path: `/more/team/domains/${await aDomain(of)}?/join`,
            fields: { joining: 'automatic', role_id: await of.roleId('staff') }
        }))
    ],
    '/(app)/more/team/domains/[domain] action:remove': [
        changes(async (of) => ({ path: `/more/team/domains/${await aDomain(of)}?/remove`, fields: {} }))
    ],
    '/(app)/more/team/sign-on load': [
        shows(async (of) => (await aDomain(of, { proven: true }), { path: '/more/team/sign-on' }))
    ],
    '/(app)/more/team/sign-on action:set_up': [
        {
            ...changes(async (of) => {
                await withoutSso(of);
                await aDomain(of, { proven: true });
                return { path: '/more/team/sign-on?/set_up', fields: await typed(of) };
            }),
            thirdCheck: SSO
        }
    ],
    '/(app)/more/team/sign-on action:set_up_saml': [
        {
            ...changes(async (of) => {
                await withoutSso(of);
                await aDomain(of, { proven: true });
                return {
                    path: '/more/team/sign-on?/set_up_saml',
                    fields: await typedSaml(of, { metadata_url: aMetadataUrl() })
                };
            }),
            thirdCheck: SSO
        }
    ],
    '/(app)/more/team/sign-on action:renew': [
        {
            ...changes(async (of) => {
                const metadata_url = await withSamlAnew(of);
                return { path: '/more/team/sign-on?/renew', fields: { metadata_url } };
            }),
            thirdCheck: SSO
        }
    ],
    '/(app)/more/team/sign-on action:switch': [
        {
            ...changes(async (of) => {
                await withSamlAnew(of);
                return { path: '/more/team/sign-on?/switch', fields: { on: 'no' } };
            }),
            thirdCheck: SSO
        }
    ],
    '/(app)/more/team/sign-on action:end': [
        {
            ...changes(async (of) => {
                await withoutSso(of);
                await aDomain(of, { proven: true });
                await askSso(of, { action: 'set_up', ...(await typed(of)) });
                return { path: '/more/team/sign-on?/end', fields: {} };
            }),
            thirdCheck: SSO
        }
    ],
    '/(app)/more/team/requests/[request] load': [
        shows(async (of) => ({
            path: `/more/team/requests/${await aRequestToJoin(of, await aDomainName(of))}`
        }))
    ],
    '/(app)/more/team/requests/[request] action:approve': [
        changes(async (of) => ({
            path: `/more/team/requests/${await aRequestToJoin(of, await aDomainName(of))}?/approve`,
            fields: { role_id: await of.roleId('staff') }
        }))
    ],
    '/(app)/more/team/requests/[request] action:refuse': [
        changes(async (of) => ({
            path: `/more/team/requests/${await aRequestToJoin(of, await aDomainName(of))}?/refuse`,
            fields: {}
        }))
    ],
    '/(app)/more/team/[member] load': [
        shows(async (of) => ({ path: `/more/team/${await aMember(of, { role: await aRole(of) })}` }))
    ],
    '/(app)/more/team/[member] action:role': [
        changes(async (of) => ({
            path: `/more/team/${await aMember(of)}?/role`,
            fields: { role_id: await of.roleId('admin') }
        }))
    ],
    '/(app)/more/team/[member] action:remove': [
        changes(async (of) => ({ path: `/more/team/${await aMember(of)}?/remove`, fields: {} }))
    ],
    '/(app)/more/team/[member]/owner load': [
        {
            does: 'neither',
            because: TEAM,
            request: async (of) => ({ path: `/more/team/${await aMember(of)}/owner` })
        }
    ],
    '/(app)/more/team/[member]/owner action:default': [
        {
            does: 'changes',
            thirdCheck: OWNER,
            last: true,
            request: async (of) => ({
                path: `/more/team/${await aMember(of)}/owner`,
                fields: { idempotency_key: key() }
            })
        }
    ],
    '/(app)/more/team/invite load': [
        { does: 'neither', because: BLANK, request: () => ({ path: '/more/team/invite' }) }
    ],
    '/(app)/more/team/invite action:default': [
        changes(async (of) => ({
            path: '/more/team/invite',
            fields: {
                email: `new-${key().slice(0, 8)}@example.test`,
                role_id: await of.roleId('staff'),
                idempotency_key: key()
            }
        }))
    ]
};
