/** AUTH and RATE: signing in, and holding off abuse. */
import { code, fn, nothing, schedule, setting, table, tagged, test, trigger } from './builders.ts';
import type { LedgerRow } from './types.ts';

export const signIn: readonly LedgerRow[] = [
    {
        id: 'AUTH-1',
        sentence:
            'You sign in with Google, Apple or Microsoft, or by e-mail with a one-time code or a password.',
        state: 'not_yet',
        works: 'Google, Apple (a hidden relay address included), a code or link by e-mail, and a password.',
        missing: 'Microsoft.',
        enforcedBy: [
            setting('auth.external.google.enabled', true),
            setting('auth.external.apple.enabled', true),
            setting('auth.email.enable_confirmations', true),
            setting('auth.email.otp_expiry', 600),
            code('supabase/functions/auth-gate/routes.ts', 'gatePath')
        ],
        provedBy: [
            test(
                'integration',
                '[AUTH-1] signing in with a code by e-mail leads somebody new from their address to their own business'
            ),
            test(
                'integration',
                '[AUTH-1] signing in with a password works for the right one, and answers alike for a wrong one and for nobody'
            ),
            test(
                'integration',
                '[AUTH-1] signing in with Google comes back signed in, to the page that was wanted'
            ),
            test('integration', '[AUTH-1] signing in with Google says so kindly when somebody cancels there'),
            test(
                'contract',
                'signing in with a provider [AUTH-1] works by Apple’s posted answer, with a relay address and a name told once'
            ),
            test('e2e', '[AUTH-1] a code by e-mail signs in with JavaScript off'),
            tagged('contract', 5),
            tagged('integration', 20),
            tagged('security', 20),
            tagged('e2e', 2)
        ],
        doors: {
            app: 'signing in passes our gate, which believes only our web server about where a person comes from.',
            open: 'the same ways of signing in are open to anybody, under the auth server’s own limits and without our gate. Google’s and Apple’s part is played by stand-ins in these tests.'
        }
    },
    {
        id: 'AUTH-2',
        sentence: 'Your password exists only as a salted hash (bcrypt).',
        state: 'kept',
        enforcedBy: [
            nothing('auth.users', 'anon'),
            nothing('auth.users', 'authenticated'),
            nothing('auth.users', 'service_role'),
            code('local/auth/passwords.ts', 'hashPassword'),
            setting('auth.minimum_password_length', 15)
        ],
        provedBy: [
            test('security', '[AUTH-2] a password stands in no table, in no form but its hash'),
            test(
                'security',
                '[AUTH-2] a password stands in no file that anything here keeps: not the database’s own, not the mails’, not a log'
            ),
            test('security', '[AUTH-2] a password is not sent back, whatever was wrong with the form'),
            test(
                'contract',
                'signing up with a password [AUTH-2] keeps the password nowhere but as a salted hash'
            ),
            tagged('contract', 1),
            tagged('security', 3)
        ],
        doors: {
            app: 'the password passes our gate to the auth server and is kept nowhere on its way.',
            open: 'the auth server hashes it. In these tests that is our embedded one; on a hosted project it is Supabase’s own, against which the contract tests can be run too.'
        }
    },
    {
        id: 'AUTH-3',
        sentence: 'Weak passwords and those known from breaches are refused.',
        state: 'kept',
        enforcedBy: [
            code('src/lib/domain/passwords.ts', 'weaknessOf'),
            code('supabase/functions/auth-gate/new-credentials.ts', 'withGoodCredentials'),
            code('supabase/functions/auth-gate/breaches.ts', 'timesBreached'),
            code('supabase/functions/auth-gate/common-passwords.ts', 'commonPasswords'),
            code('supabase/functions/auth-gate/plain-body.ts', 'plainBody'),
            fn('private.prepare_credentials()'),
            setting('auth.minimum_password_length', 15)
        ],
        provedBy: [
            test(
                'unit',
                '[AUTH-3] a password has fifteen characters, counted as people count them, and at most 72 bytes'
            ),
            test(
                'unit',
                '[AUTH-3] a password is refused as a whole or not at all: something unexpected in it makes it good'
            ),
            test(
                'unit',
                '[AUTH-3] the list of passwords known from break-ins is told five digits of a hash and nothing else, and answers how often'
            ),
            test(
                'unit',
                '[AUTH-3] the shipped list is the dictionary’s, with twenty thousand entries and its licence'
            ),
            test(
                'contract',
                '[AUTH-3] the range lookup answers every rest of a hash under five digits, with how often it was seen'
            ),
            test(
                'integration',
                '[AUTH-3] choosing a password refuses one that is known from a break-in, beside the field and without sending it back'
            ),
            test(
                'integration',
                '[AUTH-3] choosing a password refuses the person’s own name, business and address'
            ),
            test(
                'integration',
                '[AUTH-3] while the list of known passwords can’t be asked a password is chosen all the same, and a common one is still refused'
            ),
            test(
                'integration',
                '[AUTH-3] a forgotten password is replaced by one that passes the same rules'
            ),
            test(
                'e2e',
                '[AUTH-3] [AUTH-1] signing up ends with a password that is good, by the keyboard alone, on a phone'
            ),
            tagged('unit', 40),
            tagged('db', 4),
            tagged('contract', 6),
            tagged('integration', 16),
            tagged('e2e', 2)
        ],
        limits: 'A password that becomes known after it was chosen is not asked about again. When the list of leaked ones can’t be reached, a password passes that is not on it by our own rules, and the failure is logged. At most 72 bytes are taken, because bcrypt reads no further.',
        doors: {
            app: 'every new password passes our gate: fifteen characters at least (NIST SP 800-63B-4 for a password that stands alone), none of the 20,000 most common or two of them, none of one’s own names, and none that the list of leaked passwords knows, where one is configured.',
            open: 'the auth server asks for fifteen bytes and nothing else; on a hosted project its own check against leaked passwords is a setting of paid plans.'
        }
    },
    {
        id: 'AUTH-4',
        sentence: 'A second factor is there for everybody, and demanded where it matters most.',
        state: 'not_yet',
        works: 'An authenticator app, with recovery codes for the day it is lost. Who has one gives it at each sign-in, and a business can demand one by role: until it is given the database shows and takes nothing, at the Data API and storage too. Whoever says where customers pay, invites, changes roles, hands the business over or exports the trail proves anew who they are, unless they did so within ten minutes.',
        missing:
            'Passkeys and security keys in the app; and the admin area, whose sessions will need a second factor always.',
        enforcedBy: [
            fn('private.accounts_with(text)'),
            fn('private.session_reach()'),
            fn('private.require_session()'),
            fn('private.require_fresh()'),
            fn('private.fresh_until()'),
            fn('private.demand_factor(uuid,uuid,boolean)'),
            fn('private.use_recovery_code(text)'),
            table('private.recovery_codes'),
            setting('auth.mfa.totp.enroll_enabled', true),
            setting('auth.mfa.totp.verify_enabled', true),
            code('supabase/functions/auth-gate/factors.ts', 'freshForFactors')
        ],
        provedBy: [
            test('db', '[AUTH-4] whoever has just signed in has proved who they are'),
            test('db', '[AUTH-4] who has one and has not given it in this session sees nothing'),
            test(
                'db',
                '[AUTH-4] whoever has the role sees nothing of the business from the next statement on'
            ),
            test(
                'integration',
                '[AUTH-4] an authenticator app is asked for at the next sign-in, before anything of the business is seen, at the Data API and storage too'
            ),
            tagged('db', 100),
            tagged('integration', 20),
            tagged('unit', 5),
            tagged('e2e', 1)
        ]
    },
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
        limits: 'Within ten seconds of a refresh the direct predecessor still works once more, so that an answer lost on a bad line costs nobody their session. The shorter limits of the admin area (half an hour unused, half a day in all) stand ready; the area itself is not there yet.',
        doors: {
            app: 'a session past its time is over with the next request.',
            open: 'the auth server itself may go on handing out tokens for it; the database answers nothing to them, because it asks for the session’s age at every statement.'
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
        sentence: 'A business with a verified domain can bring its own single sign-on.',
        state: 'not_yet',
        missing: 'Single sign-on by OpenID Connect and SAML.',
        enforcedBy: [],
        provedBy: []
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
    },
    {
        id: 'RATE-1',
        sentence:
            'Ten sign-in attempts from one address in 15 minutes and no more, a pause after repeated failures on one login, and strangers never lock you out of a device you know.',
        state: 'kept',
        enforcedBy: [
            fn('private.take(jsonb)'),
            fn('service.take(jsonb)'),
            fn('private.free_at(private.limits,timestamp with time zone[])'),
            table('private.limits'),
            nothing('private.limit_takes', 'service_role'),
            schedule('forget-limits'),
            code('supabase/functions/auth-gate/limits.ts', 'wantedFor'),
            code('supabase/functions/auth-gate/device.ts', 'deviceOf'),
            code('supabase/functions/_shared/mail-link.ts', 'openLink')
        ],
        provedBy: [
            test(
                'integration',
                '[RATE-1] 200 attempts at once from one address let exactly ten through, by one web server'
            ),
            test(
                'integration',
                '[RATE-1] 200 attempts at once from one address let exactly ten through, by two web servers'
            ),
            test(
                'integration',
                '[RATE-1] a login that is guessed at from many addresses that somebody has waits a minute after five, then two, four, up to an hour'
            ),
            test(
                'integration',
                '[RATE-1] a login that is guessed at from many addresses that nobody has waits a minute after five, then two, four, up to an hour'
            ),
            test(
                'integration',
                '[RATE-1] a login that is guessed at from many addresses opens to a code that came by mail, which frees it'
            ),
            test(
                'integration',
                '[RATE-1] a device that signed in before is not locked out by strangers, neither at its login nor at its address'
            ),
            test(
                'integration',
                '[RATE-1] codes can’t be tried as links either: those of our mails are sealed, and no other reaches the auth server'
            ),
            test('db', '[RATE-1] ten attempts an address in 15 minutes, five at a login before it waits'),
            tagged('db', 12),
            tagged('unit', 20),
            tagged('integration', 25)
        ],
        limits: 'A device that has signed in to a login before is counted for itself and no longer with its address: ten attempts in 15 minutes too, and a pause of its own after five wrong passwords. On a device that the login does not know, strangers can keep its password and its codes waiting, an hour at the longest.',
        doors: {
            app: 'every sign-in of the app passes our gate, which counts in the database before it asks the auth server.',
            open: 'the auth server’s own limits, which are looser than this promise and know no pause of a login; on a hosted project they are Supabase’s, with its captcha as a setting.'
        }
    },
    {
        id: 'RATE-2',
        sentence:
            'No answer tells whether somebody has a login here: not its words, not its code, not its timing.',
        state: 'not_yet',
        missing:
            'Words and code are alike; how long an answer takes still differs for addresses that nobody has.',
        enforcedBy: [],
        provedBy: []
    },
    {
        id: 'RATE-3',
        sentence: 'The interfaces have limits for each business and address, and say so in standard headers.',
        state: 'not_yet',
        missing: 'Limits on our interfaces.',
        enforcedBy: [],
        provedBy: []
    },
    {
        id: 'RATE-4',
        sentence:
            'If a limiter can’t count, nobody gets past it, and where a visitor comes from is told by a proxy that we trust or not at all.',
        state: 'kept',
        enforcedBy: [
            fn('private.take(jsonb)'),
            fn('private.limit_keys(jsonb)'),
            fn('private.request_context()'),
            code('supabase/functions/auth-gate/admit.ts', 'admitted'),
            code('supabase/functions/_shared/context.ts', 'verifyContext'),
            code('src/lib/server/address.ts', 'clientAddress')
        ],
        provedBy: [
            test(
                'integration',
                '[RATE-4] with the store of the limits gone nobody gets in, by any way, and each form says so'
            ),
            test(
                'integration',
                '[RATE-4] with the store of the limits gone whoever is in goes on reading and writing, through a refresh as well'
            ),
            test(
                'integration',
                '[RATE-4] with the store of the limits gone a store that hangs counts as gone, and keeps nobody waiting for long'
            ),
            test(
                'integration',
                '[RATE-1] 200 attempts at once from one address [RATE-4] let ten through, whatever stands to the left of what the trusted proxy wrote'
            ),
            test(
                'integration',
                'the auth server’s limit of an address [RATE-4] is met sooner, whatever address people claim, at a server that trusts no proxy'
            ),
            test(
                'unit',
                "the client's address is the socket’s when no proxy is trusted, whatever a header says"
            ),
            test('unit', "the client's address is the right-most one that is no proxy of ours"),
            test(
                'unit',
                "the client's address ends at our own proxy when what stands before it is no address"
            ),
            test('db', '[RATE-4] no key to hash with'),
            tagged('db', 8),
            tagged('integration', 5)
        ],
        limits: 'The limits there are so far are those of signing in and of the mails it sends; whoever is signed in goes on while they can’t be counted.',
        doors: {
            app: 'signing in answers 503 while our limits can’t be counted. The address comes from the connection, or from a proxy whose network the settings name.',
            open: 'the auth server counts in a memory of its own, and believes an address from nobody but the holder of the secret key.'
        }
    },
    {
        id: 'RATE-5',
        sentence:
            'A sign-in that looks strange is told to the person, and addresses known for attacks are shut out.',
        state: 'not_yet',
        works: 'A sign-in on a device that is new to the person is told to them by mail, with a link that ends every session of theirs and takes their password out of use.',
        missing:
            'New countries, impossible travel and many failures; alerts to us; and shutting out addresses known for attacks.',
        enforcedBy: [
            fn('service.record_session(uuid,text,boolean,text)'),
            fn('service.disown_sign_in(text)'),
            code('supabase/functions/auth-gate/disown.ts', 'disown')
        ],
        provedBy: [
            test(
                'integration',
                '[RATE-5] a sign-in on a new device is told to the person by mail, but for their first one and for a device that they know'
            ),
            test(
                'integration',
                '[RATE-5] a sign-in on a new device that was somebody else’s is undone by the link in the mail, once, and not by looking at it'
            ),
            test('e2e', '[RATE-5] a sign-in on a new device is told by mail, and “this wasn’t me” ends it'),
            tagged('db', 13),
            tagged('integration', 6),
            tagged('e2e', 1)
        ],
        doors: {
            app: 'every sign-in here is looked at.',
            open: 'a sign-in at the auth server’s own door raises no notice; it stands in the list of sessions.'
        }
    }
];
