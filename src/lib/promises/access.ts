/** ACC and ADM: who may do what in a business, and what the people who run TradersFlow may do. */
import {
    code,
    constraint,
    eventTrigger,
    everyRouteGuard,
    fn,
    nothing,
    rights,
    table,
    tagged,
    test,
    trigger
} from './builders.ts';
import type { LedgerRow } from './types.ts';

export const access: readonly LedgerRow[] = [
    {
        id: 'ACC-1',
        sentence:
            'Every protected page, act and endpoint is checked twice, by the server and by the database, and either alone is enough to refuse.',
        state: 'kept',
        enforcedBy: [
            everyRouteGuard(30),
            code('src/lib/server/guard.ts', 'protectedLoad'),
            code('src/lib/server/guard.ts', 'protectedAction'),
            code('src/lib/server/guard.ts', 'protectedEndpoint'),
            fn('private.accounts_with(text)'),
            fn('private.require(uuid,text)')
        ],
        provedBy: [
            test(
                'security',
                '[ACC-1] every protected load, action and endpoint is among the doors that are tried'
            ),
            tagged('db', 1),
            tagged('security', 100),
            tagged('integration', 1)
        ]
    },
    {
        id: 'ACC-2',
        sentence:
            'A hidden button is not our security: whoever calls the address behind it without the permission is refused, and nothing changes.',
        state: 'kept',
        enforcedBy: [
            everyRouteGuard(30),
            code('src/lib/server/route-guards.ts', 'demandGuards'),
            code('src/lib/server/guard.ts', 'protectedLoad'),
            code('src/lib/server/guard.ts', 'protectedAction'),
            code('src/lib/server/guard.ts', 'protectedEndpoint')
        ],
        provedBy: [
            test('integration', '[ACC-2] a form that names another business finds nothing there'),
            tagged('db', 1),
            tagged('integration', 30),
            tagged('security', 100)
        ]
    },
    {
        id: 'ACC-3',
        sentence:
            'Owner, admin, staff, partner and agent each may do what their role lists and nothing else, staff see their own jobs and no prices, and a business can make roles of its own.',
        state: 'kept',
        enforcedBy: [
            table('public.role_permissions'),
            fn('private.accounts_with(text)'),
            fn('private.require(uuid,text)'),
            fn('private.require_own(uuid,text[])'),
            fn('private.require_giveable(uuid,uuid)'),
            fn('private.save_role(uuid,uuid,text,text[],uuid)'),
            fn('private.delete_role(uuid,uuid)'),
            table('public.job_members'),
            fn('private.own_jobs()'),
            fn('private.change_job_members(uuid,uuid,uuid[],uuid[])'),
            code('src/lib/server/guard.ts', 'protectedLoad'),
            code('src/lib/server/guard.ts', 'protectedAction'),
            code('src/lib/server/guard.ts', 'protectedEndpoint'),
            nothing('public.role_permissions', 'anon'),
            rights('public.role_permissions', 'authenticated', 'select')
        ],
        provedBy: [
            test(
                'db',
                '[ACC-3] owner has everything, admin all but payouts, staff the daily work, partner and agent nothing'
            ),
            test('db', '[ACC-3] staff sees the job that they are put on, and no other'),
            test('db', '[ACC-3] staff sees the photos of their own jobs, and no invoice'),
            test('db', '[ACC-3] nobody grants permissions through the table'),
            test('db', '[ACC-3] nobody changes memberships through the table'),
            test('db', '[ACC-3] a partner sees nothing by default'),
            test('db', '[ACC-3] an agent sees nothing by default'),
            test('db', '[ACC-3] nobody makes a role that may do what they may not'),
            test('db', '[ACC-3] nobody gives a role that may do more than their own'),
            test(
                'integration',
                '[ACC-3] every protected load, action and endpoint lets a role without any permission pass nowhere'
            ),
            tagged('db', 100),
            tagged('integration', 45),
            tagged('unit', 4),
            tagged('e2e', 1)
        ]
    },
    {
        id: 'ACC-4',
        sentence:
            'People join by invitation, by a verified e-mail domain or by approval, and somebody who is removed is out with their next request.',
        state: 'kept',
        enforcedBy: [
            fn('private.accounts_with(text)'),
            fn('service.domain_looked_up(uuid,uuid,text[])'),
            fn('private.domain_open_to(auth.users)'),
            fn('private.join_by_domain(uuid,text,uuid)'),
            fn('private.approve_join_request(uuid,uuid,uuid)'),
            constraint('public.domains', 'proven_domain_was_found'),
            fn('private.accept_invitation(text,text,uuid)'),
            fn('private.invitation_is_open(public.invitations)'),
            fn('private.remove_member(uuid,uuid)'),
            constraint('public.invitations', 'invitation_token_is_kept_as_a_hash'),
            code('src/lib/server/accounts.ts', 'leftAccount')
        ],
        provedBy: [
            test('db', '[ACC-4] a removed member has none with the next statement'),
            test('db', '[ACC-4] whom it was passed on to does not join'),
            test('db', '[ACC-4] an invitation is good once'),
            test('db', '[ACC-4] its own record among others proves a domain'),
            test('db', '[ACC-4] a domain has one owner here: while its record stands nobody else proves it'),
            test('db', '[ACC-4] not when her address was never confirmed'),
            test('db', '[ACC-4] who was removed is not offered it again'),
            test('db', '[ACC-4] an admin lets her in, with the role they choose'),
            test('db', '[ACC-4] whoever has an address there joins at once'),
            test(
                'integration',
                '[ACC-4] somebody with an address in it is out at once when removed, and does not come back by their address'
            ),
            test(
                'integration',
                '[ACC-4] somebody with an address in it joins no more once the record is gone, which the owner is told'
            ),
            test(
                'e2e',
                '[ACC-4] a domain is proven, somebody with an address there asks to join, and is let in'
            ),
            test(
                'integration',
                '[ACC-4] an invitation leads somebody without a login from the e-mail into the team'
            ),
            test(
                'e2e',
                '[ACC-4] somebody is invited, joins by the link in the e-mail, is taken out and brought back'
            ),
            test(
                'security',
                'ended means ended, for a token that has not expired [ACC-4] a removed member reads nothing with the next statement, at the Data API and in storage'
            ),
            tagged('db', 60),
            tagged('security', 1),
            tagged('integration', 12),
            tagged('e2e', 1)
        ]
    },
    {
        id: 'ACC-5',
        sentence: 'A business always keeps at least one owner, and ownership can be handed over.',
        state: 'kept',
        enforcedBy: [
            trigger('public.members', 'account_keeps_an_owner'),
            fn('private.keep_an_owner()'),
            trigger('public.role_permissions', 'owner_role_stays_whole'),
            fn('private.take_turns(uuid)'),
            fn('private.is_owner(uuid)'),
            fn('private.hand_over_ownership(uuid,uuid,uuid)')
        ],
        provedBy: [
            test('db', '[ACC-5] the last owner cannot be removed'),
            test('db', '[ACC-5] one of two owners can be removed'),
            test('db', '[ACC-5] an owner hands the business over, and the form sent twice does it once'),
            test(
                'integration',
                '[ACC-5] ownership stays with one of two owners who remove each other at the same moment'
            ),
            test(
                'integration',
                '[ACC-5] of two transactions that each remove the other owner the second one fails, whoever writes'
            ),
            tagged('db', 20),
            tagged('integration', 4)
        ]
    },
    {
        id: 'ADM-1',
        sentence:
            'The admin area is open only to a short list of people written in code, checked by the server and again by the database.',
        state: 'not_yet',
        works: 'Two lists, one of the server’s settings and one in the database by login and proven address, and whoever is not on both is turned away at every door of the admin area; a second factor and a visit within half an hour are asked for at every request. What there is so far: alerts, networks that are blocked, and limits.',
        missing: 'The rest of the admin area: businesses, support, the state of mails and events.',
        enforcedBy: [
            fn('private.is_platform_owner()'),
            fn('private.require_platform_owner()'),
            fn('private.platform_overview()'),
            fn('private.unblock_network(text,text)'),
            table('private.platform_owners'),
            code('src/lib/server/platform-guard.ts', 'platformLoad'),
            code('src/lib/server/route-guards.ts', 'demandGuards')
        ],
        provedBy: [
            test(
                'integration',
                '[ADM-1] every door under /admin is among those that are tried, and asks for one who runs TradersFlow'
            ),
            test('db', '[ADM-1] taken off the list, the next statement fails'),
            tagged('db', 8),
            tagged('integration', 8),
            tagged('e2e', 2)
        ]
    },
    {
        id: 'ADM-2',
        sentence:
            'What our own people do that matters (a sign-in link, a refund, a suspension) asks for confirmation and is on record in the same step.',
        state: 'not_yet',
        missing: 'There are no such acts yet.',
        enforcedBy: [],
        provedBy: []
    },
    {
        id: 'ADM-3',
        sentence:
            'When support looks at your business it can only read, visibly and for a limited time, and you see who looked and when.',
        state: 'not_yet',
        missing: 'Support can’t look at a business at all yet.',
        enforcedBy: [],
        provedBy: []
    },
    {
        id: 'ADM-4',
        sentence:
            'A suspended business can still sign in, read why, pay and export, and change nothing else.',
        state: 'not_yet',
        works: 'A suspended business reads its data, is told why it changes nothing, and changes, sends and charges nothing.',
        missing: 'Paying us and exporting, which do not exist yet.',
        enforcedBy: [
            table('private.account_state_allows'),
            fn('private.accounts_with(text)'),
            trigger('public.accounts', 'memberships_follow_the_state'),
            fn('private.require(uuid,text)'),
            eventTrigger('policies_ask_for_the_account')
        ],
        provedBy: [
            test('db', '[ADM-4] the owner of a suspended account reads it'),
            test('db', '[ADM-4] and is told why'),
            test(
                'db',
                'the schema [ADM-4] every table of an account is closed, verb by verb, where the state of the account forbids it'
            ),
            test(
                'security',
                'ended means ended, for a token that has not expired [ADM-4] a suspended account reads on and changes nothing'
            ),
            tagged('db', 8),
            tagged('security', 1)
        ]
    }
];
