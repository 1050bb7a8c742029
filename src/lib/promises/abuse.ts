/** RATE: holding off abuse. */
import { code, fn, nothing, schedule, table, tagged, test } from './builders.ts';
import type { LedgerRow } from './types.ts';

export const abuse: readonly LedgerRow[] = [
    {
        id: 'RATE-1',
        sentence:
            'Ten sign-in attempts from one address in 15 minutes and no more, a pause after repeated failures on one login, and strangers never lock you out of a device you know.',
        state: 'kept',
        enforcedBy: [
            fn('private.take(jsonb)'),
            fn('private.free_at(private.limits,timestamp with time zone[])'),
            fn('service.admit(jsonb,text,text,text,boolean,text)'),
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
        state: 'kept',
        enforcedBy: [
            code('supabase/functions/auth-gate/nobody.ts', 'asNobody'),
            code('supabase/functions/auth-gate/promise.ts', 'mailPromised'),
            code('supabase/functions/auth-gate/routes.ts', 'gatePath'),
            fn('private.is_known_at_the_door(text,text)'),
            fn('service.admit(jsonb,text,text,text,boolean,text)')
        ],
        provedBy: [
            test(
                'integration',
                '[RATE-2] signing in with a password tells nobody from somebody with a password'
            ),
            test(
                'integration',
                '[RATE-2] asking for a code to sign in tells nobody from somebody with a password'
            ),
            test('integration', '[RATE-2] signing up tells nobody from somebody with a password'),
            test(
                'integration',
                '[RATE-2] asking for a new password tells nobody from somebody with a password'
            ),
            test(
                'integration',
                '[RATE-2] asking for a code once more, at once tells nobody from somebody with a password'
            ),
            test('integration', '[RATE-2] entering a wrong code tells nobody from somebody with a password'),
            test(
                'integration',
                '[RATE-2] an attempt at a login that nobody has is as slow as one at a login that somebody has'
            ),
            test(
                'integration',
                '[RATE-2] asking for another address to sign in with tells nobody’s from that of somebody with a password'
            ),
            test(
                'integration',
                '[RATE-2] asking for another address to sign in with takes as long for an address that somebody has as for one that nobody has'
            ),
            test(
                'unit',
                'auth-gate [RATE-2] offers no signing up by a password: the auth server’s answer tells who has a login'
            ),
            tagged('db', 5),
            tagged('unit', 30),
            tagged('integration', 32)
        ],
        limits: 'A login that nobody has is asked for as one that we made for it, so that the auth server does the same work; a mail is promised before anything is done about it, and asked for a moment later. Mails themselves go to the owner of the mailbox alone. Whoever is blocked learns it by the link in a mail. Whoever asks to sign in with another address in future gets a mail about it in the old mailbox too, and gets none when somebody has the other one.',
        doors: {
            app: 'that is so at every form that takes an address. The benchmark “enumeration” compares 500 logins of each kind by each way and finds no difference in words, headers or time.',
            open: 'the auth server’s own answers tell it by their time, and for signing up by their form; that is Supabase’s on a hosted project.'
        }
    },
    {
        id: 'RATE-3',
        sentence: 'The interfaces have limits for each business and address, and say so in standard headers.',
        state: 'kept',
        enforcedBy: [
            fn('private.spend(jsonb,text)'),
            fn('private.take_guess()'),
            fn('private.find_link(text,text,text)'),
            fn('private.limit_headers(jsonb)'),
            fn('private.mail_invitation(public.invitations,text,text,uuid)'),
            fn('private.enter(uuid)'),
            code('src/lib/server/guard.ts', 'somebodyWhoActs'),
            code('src/lib/server/request.ts', 'limited'),
            code('src/lib/server/forms.ts', 'sayLimit')
        ],
        provedBy: [
            test(
                'integration',
                '[RATE-3] 200 acts at once of one person let exactly a hundred through, by one web server, and each says what is left'
            ),
            test(
                'integration',
                '[RATE-3] 200 acts at once of one person let exactly a hundred through, by two web servers, and each says what is left'
            ),
            test(
                'integration',
                '[RATE-3] 200 acts at once of one business let exactly a hundred through, whoever of it acts from wherever, and leave another its own'
            ),
            test(
                'integration',
                '[RATE-3] 200 acts at once of one address let exactly a hundred through, whoever acts from it'
            ),
            test(
                'integration',
                'invitations [RATE-3] are twenty a day for a business, however many ask at once, at the Data API itself'
            ),
            test(
                'integration',
                'invitations [RATE-3] that are too many are refused in the form, with the time, and what was typed is kept'
            ),
            test(
                'integration',
                'a customer’s link [RATE-3] is guessed at thirty times from one address and no more, however many guess at once'
            ),
            tagged('db', 32),
            tagged('integration', 12)
        ],
        limits: 'Every form and interface that somebody signed in uses is counted before it does anything: 100 in ten seconds for a person, in two for a business, in one for an address. Looking at pages is not counted. What costs others something, like inviting, exporting or guessing at private links, has limits of its own besides.',
        doors: {
            app: 'counted in the same call that asks who somebody is, so that it costs no call of its own; while it can’t be counted, whoever is in goes on.',
            open: 'the limits that acts have of their own hold at the Data API too, in the database, with the same headers. There is no general one there: what it reads runs in transactions that can’t count, and a count inside what it writes would hold up everybody else of that business until it ends.'
        }
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
        limits: 'Whoever is signed in goes on while the limits can’t be counted, but for what has a limit of its own, like inviting; so does whoever has opened a private link before.',
        doors: {
            app: 'signing in answers 503 while our limits can’t be counted. The address comes from the connection, or from a proxy whose network the settings name.',
            open: 'the auth server counts in a memory of its own, and believes an address from nobody but the holder of the secret key.'
        }
    },
    {
        id: 'RATE-5',
        sentence:
            'A sign-in that looks strange asks for a code and is told to the person and to us, and addresses known for attacks or caught at one are shut out.',
        state: 'kept',
        enforcedBy: [
            fn('service.judge_sign_in(uuid,text,text,text,text,boolean,boolean)'),
            fn('private.suspicions(auth.users,text,cidr,text,boolean,boolean)'),
            fn('service.note_failure(text,text)'),
            fn('private.captcha_is_due(jsonb,text,text,cidr)'),
            fn('service.admit(jsonb,text,text,text,boolean,text)'),
            fn('service.record_session(uuid,text,boolean,text)'),
            fn('service.disown_sign_in(text)'),
            table('private.suspicion_weights'),
            table('private.blocked_networks'),
            schedule('tell-alerts'),
            schedule('forget-suspicions'),
            code('supabase/functions/auth-gate/judge.ts', 'suspected'),
            code('supabase/functions/auth-gate/networks.ts', 'networksIn'),
            code('supabase/functions/auth-gate/disown.ts', 'disown'),
            code('supabase/functions/auth-gate/captcha.ts', 'isAnswered')
        ],
        provedBy: [
            test(
                'integration',
                '[RATE-5] a sign-in on a new device in a new country by the right password opens nothing, is told by e-mail, and goes on with a code'
            ),
            test(
                'integration',
                '[RATE-5] a sign-in on a new device in a new country by a provider opens nothing either, and goes on with a code'
            ),
            test(
                'integration',
                '[RATE-5] many failures at a login have a new device asked for a code, in a sentence that says what to do, and not a known one'
            ),
            test(
                'integration',
                '[RATE-5] an address on the list of attackers signs nobody in, by any form, but on a device that signed in before'
            ),
            test(
                'integration',
                '[RATE-5] an address that tries twenty logins is shut out for an hour, told so, and released by itself'
            ),
            test(
                'integration',
                '[RATE-4] a sign-in that can’t be weighed is not let in, however right the password was'
            ),
            test(
                'integration',
                '[RATE-5] a sign-in on a new device is told to the person by mail, but for their first one and for a device that they know'
            ),
            test(
                'integration',
                '[RATE-5] a sign-in on a new device that was somebody else’s is undone by the link in the mail, once, and not by looking at it'
            ),
            test(
                'integration',
                '[RATE-5] after three failures a captcha is asked for at a login from whatever address, and the answers for one that nobody has are the same'
            ),
            test(
                'integration',
                '[RATE-5] after three failures a captcha is asked for before the login is paused, and programs that do not answer never pause it'
            ),
            test(
                'integration',
                '[RATE-5] the captcha’s answer is not needed while nobody can judge it; limits and pauses hold'
            ),
            test(
                'e2e',
                '[RATE-5] after three wrong passwords a box is ticked by the keyboard, and the right password opens'
            ),
            test('e2e', '[RATE-5] a sign-in on a new device is told by mail, and “this wasn’t me” ends it'),
            test('db', '[RATE-5] nobody is in two countries within an hour'),
            test('db', '[RATE-5] one e-mail tells of all alerts, by kind'),
            tagged('db', 30),
            tagged('unit', 30),
            tagged('integration', 10),
            tagged('e2e', 1)
        ],
        limits: 'In which country an address is, a table says that comes with the program; it is of registries and no more exact than they are. Each decision is kept for a year with what weighed how much. Alerts go to an address of ours once that is set.',
        doors: {
            app: 'every sign-in of the app is weighed before its session is handed over; where a code is asked for the session has ended by then.',
            open: 'a password given to the auth server itself is not weighed; on a hosted project that is Supabase’s open endpoint.'
        }
    }
];
