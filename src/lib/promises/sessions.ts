/** AUTH-5 to AUTH-8: sessions, single sign-on, and changing what one signs in with. */
import { code, constraint, fn, setting, table, tagged, test, trigger } from './builders.ts';
import type { LedgerRow } from './types.ts';

export const sessions: readonly LedgerRow[] = [
    {
        id: 'AUTH-5',
        sentence:
            'Your session lives in cookies that no script and no other site can read; its refresh tokens change with each use, an old one that comes back ends it, and it ends after 14 days unused or 90 days in all.',
        state: 'kept',
        enforcedBy: [
            fn('private.session_is_live()'),
            table('private.session_limits'),
            trigger('private.session_limits', 'live_sessions_follow_the_limits'),
            fn('private.admin_session_is_live()'),
            trigger('auth.refresh_tokens', 'session_ends_when_a_token_is_replayed'),
            trigger('auth.sessions', 'session_ends_when_it_was_idle'),
            code('src/lib/server/session.ts', 'authClient'),
            code('src/lib/server/request.ts', 'sameOrigin'),
            setting('auth.enable_refresh_token_rotation', true),
            setting('auth.refresh_token_reuse_interval', 10),
            setting('auth.jwt_expiry', 600),
            code('src/lib/server/session.ts', 'cookieAttributes')
        ],
        provedBy: [
            test(
                'integration',
                '[AUTH-5] cookies are all __Host-, HttpOnly, Secure, SameSite=Lax and without a domain'
            ),
            test(
                'integration',
                '[AUTH-5] refresh tokens older than the direct predecessor and replayed outside the reuse interval end the session'
            ),
            test('db', '[AUTH-5] one unused for 14 days has ended'),
            test(
                'db',
                '[AUTH-5] one that comes back after them ends its session, whatever the auth server takes it for'
            ),
            test(
                'security',
                'a refresh token [AUTH-5] of a session that was unused for 14 days, used at the auth server’s own door, gets the thief nothing and ends the session'
            ),
            test('db', '[AUTH-5] one begun 91 days ago has ended, however busy'),
            test('db', '[AUTH-5] a shorter life counts for the sessions there are'),
            test('db', '[AUTH-5] so does a shorter idle time'),
            test(
                'security',
                'a stolen access token [AUTH-5] is worth nothing once its session is unused for 14 days'
            ),
            test(
                'security',
                'a stolen access token [AUTH-5] is worth nothing once its session is begun 90 days ago, however busy'
            ),
            test(
                'security',
                'fixation [AUTH-5] a session that was planted in a browser is not the one that its owner signs in to'
            ),
            test(
                'security',
                'a refresh token [AUTH-5] older than the direct predecessor, replayed at the auth server’s own door, gets the thief nothing and ends the session everywhere, for access tokens too'
            ),
            test(
                'security',
                'a session [AUTH-5] comes by its cookie alone: tokens in an address, a header or a form begin none'
            ),
            test('db', '[AUTH-5] one unused for half an hour is not'),
            test(
                'security',
                'a cookie [AUTH-5] that has grown long is kept in parts, each as safe as the whole, and parts left over are taken away'
            ),
            test(
                'security',
                'a cookie [AUTH-5] in parts is read, and with a part bent, missing, swapped or of another person it is none'
            ),
            test(
                'security',
                'a form on another site [AUTH-5] is tried at every action and endpoint there is'
            ),
            test(
                'security',
                '[AUTH-5] every cookie is __Host-, Secure, HttpOnly, SameSite and for this host alone'
            ),
            tagged('db', 9),
            tagged('contract', 2),
            tagged('integration', 4),
            tagged('security', 40)
        ],
        limits: 'Within ten seconds of a refresh the direct predecessor still works once more, so that an answer lost on a bad line costs nobody their session. In the admin area the limits are half an hour away from it, after which the second factor is given again, and half a day in all.',
        doors: {
            app: 'a session past its time is over with the next request.',
            open: 'the auth server itself may hand out tokens for it once more; the database answers nothing to them, because it asks for the session’s age at every statement and ends a session that comes back after its time.'
        }
    },
    {
        id: 'AUTH-6',
        sentence:
            'You see your sessions, can end any one of them or all, and ended means the next request fails everywhere.',
        state: 'kept',
        enforcedBy: [
            fn('private.session_is_live()'),
            fn('private.accounts_with(text)'),
            fn('private.my_sessions()'),
            fn('private.end_session(uuid)'),
            fn('private.my_sign_ins(timestamp with time zone,bigint,integer)'),
            code('src/lib/server/sign-in.ts', 'signOutOthers'),
            code('src/lib/server/sign-in.ts', 'signOut')
        ],
        provedBy: [
            test(
                'integration',
                '[AUTH-6] signing out here ends this session at once, at the Data API too, and no other'
            ),
            test('integration', '[AUTH-6] signing out everywhere ends the others with their next request'),
            test(
                'security',
                'ended means ended, for a token that has not expired [AUTH-6] a stolen access token is worth nothing once its session was signed out'
            ),
            test(
                'db',
                '[AUTH-6] a session that began elsewhere than at our door stands there too, and none twice'
            ),
            test(
                'security',
                '[AUTH-6] what the check of the session costs is counted at every page there is'
            ),
            test('db', '[AUTH-6] the one that was ended reads nothing with its next statement'),
            test('db', "[AUTH-6] and nobody ends another person's"),
            test(
                'integration',
                '[AUTH-6] the list of sessions shows each on what it began and from where, marks this one, and no other person’s'
            ),
            test(
                'integration',
                '[AUTH-6] ending one session ends it at the web app, the Data API and storage with the next request, and no other'
            ),
            test('integration', '[AUTH-6] ending one session all others leaves this one'),
            test(
                'security',
                'a stolen access token [AUTH-6] is worth nothing once its person signed out everywhere: web app, Data API, storage'
            ),
            test(
                'security',
                'a stolen access token [AUTH-6] is worth nothing once its session was ended from another device'
            ),
            test('e2e', '[AUTH-6] a person sees their sessions and ends one, 360 wide, light'),
            test(
                'contract',
                'the project’s owner [AUTH-6] ends one session of a person by deleting its row, after which the auth server knows it no more'
            ),
            tagged('db', 19),
            tagged('contract', 1),
            tagged('integration', 8),
            tagged('security', 5),
            tagged('e2e', 4)
        ],
        limits: 'The list knows when a session was used last to ten minutes. An address that was signed for viewing one file before works on for its 60 seconds.',
        doors: {
            app: 'the list names the device of every session that began here.',
            open: 'a session that began at the auth server’s own door stands in the list too, without words for its device, and is ended alike; the auth server itself knows it no more then.'
        }
    },
    {
        id: 'AUTH-7',
        sentence:
            'A business with a verified domain can bring its own single sign-on, by OpenID Connect or SAML 2.0.',
        state: 'kept',
        enforcedBy: [
            table('public.sso_providers'),
            constraint('public.sso_providers', 'account_has_one_sso_provider'),
            constraint('public.sso_providers', 'sso_provider_is_one_accounts'),
            fn('private.may_begin_sso(uuid,text,uuid)'),
            fn('private.begin_sso(uuid,text,text,text,uuid)'),
            fn('private.begin_saml(uuid,text,text,uuid)'),
            fn('private.ending_sso(uuid)'),
            fn('private.enter_by_sso(uuid,text)'),
            fn('private.enter_by_saml(auth.flow_state)'),
            fn('private.end_saml_session_of_no_entry()'),
            trigger('auth.sessions', 'saml_session_comes_by_our_door'),
            fn('private.keep_sso_in_its_business()'),
            trigger('public.members', 'keep_sso_in_its_business'),
            fn('service.provider_entry(text)'),
            fn('service.sso_of_domain(text)'),
            code('supabase/functions/auth-gate/provider.ts', 'vouchedFor'),
            code('supabase/functions/sso/outside.ts', 'fetchOutside'),
            code('supabase/functions/sso/metadata.ts', 'readMetadata')
        ],
        provedBy: [
            test(
                'e2e',
                '[AUTH-7] a business brings its own sign-in by SAML, and its people come in by it, on a phone'
            ),
            ...[
                'that is not signed',
                'that another key has signed',
                'that is meant for another audience',
                'that is meant for another recipient',
                'that answers another request',
                'that comes a second time',
                'that has expired',
                'of another issuer than the relay state’s provider, by its own key'
            ].map((answer) => test('contract', `[AUTH-7] an answer is refused ${answer}`)),
            test(
                'contract',
                '[AUTH-7] a signature vouches for nothing but what it is on: XSW1, the signed response inside the signature of the forged one'
            ),
            test(
                'integration',
                '[AUTH-7] what the auth server believes of a SAML provider opens nothing until our own door has asked for it: an answer that was good once and comes again, without the sign-in that it was for'
            ),
            test(
                'integration',
                '[AUTH-7] whoever runs a SAML provider can say any address, and opens nothing by an address outside the business’s own domain'
            ),
            test(
                'integration',
                '[AUTH-7] setting SAML up reads metadata nowhere but on the public internet, over TLS, and follows no redirect'
            ),
            test('db', '[AUTH-7] a session by SAML that our door did not ask for is none'),
            test(
                'e2e',
                '[AUTH-7] a business brings its own sign-in, and its people come in by it, on a phone'
            ),
            test(
                'integration',
                '[AUTH-7] whoever runs a provider can say any address, and reaches nobody’s login: the same address by password and by single sign-on are two people'
            ),
            test(
                'contract',
                'signing in by such a provider [AUTH-7] joins nobody by an address, where the provider’s is mapped away'
            ),
            test('db', '[AUTH-7] whoever single sign-on let in is never a member of another business'),
            tagged('db', 80),
            tagged('contract', 70),
            tagged('integration', 38),
            tagged('unit', 40),
            tagged('e2e', 2)
        ],
        limits: 'Whoever runs a business’s provider can be each of its people: that is what bringing one means. Taking the provider or the domain away ends the way in, and not a session or a membership: who leaves is taken out of the team as well. A SAML provider can’t be told to ask again who somebody is: whether it does, when they prove anew that it is them, is its own rule. A sign-in by SAML has two minutes.',
        doors: {
            app: 'our gate asks the database about whoever comes back from a provider before there is a session: which business’s provider it is, and whether the address is in a domain that stands proven. By SAML it does more: the auth server believes an answer that nobody asked for, as often as it comes within 90 seconds, and lets an assertion name no audience; the database ends every session by SAML that our gate did not ask for with the code of the browser that began, in the transaction in which it begins. So a sign-in that begins at the provider, an answer that was seen on its way, and a code asked for past our gate open nothing.',
            open: 'the auth server lets in whomever a provider vouches for, with a session that belongs to no business until they came by our gate. Somebody who did, and whose business has lost its domain since, still gets a session of theirs there until the provider is taken off or they are taken out of the team. They may register a passkey there too, which our gate refuses. In these tests a stand-in plays the provider.'
        }
    },
    {
        id: 'AUTH-8',
        sentence:
            'Changing your e-mail address or password needs a fresh sign-in, and the old address is told.',
        state: 'kept',
        enforcedBy: [
            code('supabase/functions/auth-gate/new-credentials.ts', 'withGoodCredentials'),
            code('supabase/functions/auth-gate/disown.ts', 'disown'),
            code('src/lib/server/credentials.ts', 'confirmAddress'),
            fn('private.require_fresh()'),
            fn('private.prepare_credentials()'),
            fn('private.follow_changed_credentials()'),
            trigger('auth.users', 'follow_changed_credentials'),
            fn('service.former_address(text)'),
            setting('auth.email.double_confirm_changes', true),
            setting('auth.email.secure_password_change', true)
        ],
        provedBy: [
            test('contract', 'another address [AUTH-8] needs the consent of both mailboxes, in either order'),
            test(
                'integration',
                '[AUTH-8] another address needs the button in both mailboxes, and nothing changes before'
            ),
            test(
                'integration',
                '[AUTH-8] another address ends every session before it, at the web app, the Data API and storage, and goes on where it was asked for'
            ),
            test(
                'integration',
                '[AUTH-8] another address signs nobody in who only opened the mail: neither a stranger nor whoever else is signed in there'
            ),
            test(
                'integration',
                '[AUTH-8] another address is confirmed once by each link, and by no link of another kind or of somebody else'
            ),
            test(
                'integration',
                '[AUTH-8] the notice of another address gives the login back to whoever had it, and is worth nothing to whoever took it'
            ),
            test(
                'integration',
                '[AUTH-8] a session that proved itself too long ago is asked to prove itself anew before it sees /more/security/address, and before it sends it'
            ),
            test(
                'integration',
                '[AUTH-8] a session that proved itself too long ago changes nothing at the gate either, without our web server: with another address'
            ),
            test(
                'integration',
                '[AUTH-8] another password ends every other session, and its person is told with the way to undo it'
            ),
            test('db', '[AUTH-8] with another address every session ends'),
            test('db', '[AUTH-8] and with that the link is worth nothing that went to whoever took it'),
            test(
                'e2e',
                '[AUTH-8] the address and the password are changed by the keyboard alone, on a phone'
            ),
            tagged('contract', 1),
            tagged('db', 20),
            tagged('integration', 16),
            tagged('e2e', 1)
        ],
        limits: 'For a week whoever holds the old mailbox can take the login back by the link in the notice; the old mailbox has agreed to the change a moment before it. Whoever confirms their address for the first time is not told of the password that they choose within the next quarter of an hour.',
        doors: {
            app: 'our gate has the database say that the person proved themselves within ten minutes, by their second factor where they have one, before it lets a change through.',
            open: 'the auth server lets a session change its address with the consent of both mailboxes, and its password for 24 hours after it began; then it asks for a code by e-mail. The notice, the end of the other sessions and the link that undoes it follow a change at either door.'
        }
    }
];
