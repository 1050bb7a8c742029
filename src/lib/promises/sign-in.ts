/** AUTH-1 to AUTH-4: the ways in, passwords, and the second factor. */
import { code, fn, nothing, setting, table, tagged, test } from './builders.ts';
import type { LedgerRow } from './types.ts';

export const signIn: readonly LedgerRow[] = [
    {
        id: 'AUTH-1',
        sentence:
            'You sign in with Google, Apple or Microsoft, or by e-mail with a one-time code or a password.',
        state: 'kept',
        enforcedBy: [
            setting('auth.external.google.enabled', true),
            setting('auth.external.apple.enabled', true),
            setting('auth.external.azure.enabled', true),
            fn('service.provider_entry(text)'),
            code('supabase/functions/auth-gate/provider.ts', 'vouchedFor'),
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
            test(
                'integration',
                '[AUTH-1] signing in with Microsoft opens nobody’s login by an address of which Microsoft does not say whether it is theirs'
            ),
            test('e2e', '[AUTH-1] a code by e-mail signs in with JavaScript off'),
            ...['Google', 'Apple', 'Microsoft'].map((provider) =>
                test(
                    'e2e',
                    `[AUTH-1] ${provider} is a way in by the keyboard alone, on a phone, and turning back there is told kindly`
                )
            ),
            tagged('db', 9),
            tagged('contract', 10),
            tagged('integration', 30),
            tagged('security', 25),
            tagged('e2e', 7)
        ],
        limits: 'Whoever has lost both their mailbox and their account at a provider can’t be told from a stranger, and does not get in. The parts of Google, Apple and Microsoft are played by stand-ins in these tests.',
        doors: {
            app: 'signing in passes our gate, which believes only our web server about where a person comes from. By an account at Microsoft it lets in only whom Microsoft says that the address belongs to (xms_edov).',
            open: 'the same ways of signing in are open to anybody, under the auth server’s own limits and without our gate. There, Supabase’s auth server takes an address from Microsoft for proven when Microsoft does not say whether it is, from any directory; the app’s registration at Microsoft must ask for the claim (docs/hosted.md, 4), which we can’t check from here.'
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
            code('supabase/functions/auth-gate/common-passwords.ts', 'mostCommon'),
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
                '[AUTH-3] the most common passwords are twenty thousand, in lower case, and none too short to say anything'
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
        state: 'kept',
        enforcedBy: [
            fn('private.accounts_with(text)'),
            fn('private.session_reach()'),
            fn('private.require_session()'),
            fn('private.require_fresh()'),
            fn('private.fresh_until()'),
            fn('private.require_platform_owner()'),
            fn('private.admin_session_is_live()'),
            fn('private.demand_factor(uuid,uuid,boolean)'),
            fn('private.use_recovery_code(text)'),
            table('private.recovery_codes'),
            setting('auth.mfa.totp.enroll_enabled', true),
            setting('auth.mfa.totp.verify_enabled', true),
            setting('auth.mfa.web_authn.enroll_enabled', true),
            setting('auth.mfa.web_authn.verify_enabled', true),
            setting('auth.passkey.enabled', true),
            code('src/lib/server/passkeys.ts', 'enterByPasskey'),
            code('src/lib/server/security-keys.ts', 'giveKey'),
            code('supabase/functions/auth-gate/factors.ts', 'freshForFactors')
        ],
        provedBy: [
            test('db', '[AUTH-4] whoever has just signed in has proved who they are'),
            test('db', '[AUTH-4] a session of level one is refused by the database itself'),
            test(
                'integration',
                '[AUTH-4] those who run TradersFlow are refused by the database itself with a token of level one'
            ),
            test(
                'integration',
                '[AUTH-4] those who run TradersFlow give their factor again after half an hour away, though their session went on'
            ),
            test('db', '[AUTH-4] who has one and has not given it in this session sees nothing'),
            test(
                'db',
                '[AUTH-4] whoever has the role sees nothing of the business from the next statement on'
            ),
            test(
                'integration',
                '[AUTH-4] an authenticator app is asked for at the next sign-in, before anything of the business is seen, at the Data API and storage too'
            ),
            test(
                'integration',
                '[AUTH-4] a passkey signs in, to the page that was wanted, with nothing typed'
            ),
            test(
                'integration',
                '[AUTH-4] a security key is asked for at the next sign-in, before anything of the business is seen'
            ),
            test(
                'e2e',
                '[AUTH-4] a security key is set up, asked for at the next sign-in, and proves anew who is there'
            ),
            tagged('db', 100),
            tagged('integration', 50),
            tagged('unit', 5),
            tagged('e2e', 1)
        ],
        limits: 'An authenticator app or a security key is a second factor, with recovery codes for the day it is lost; a passkey signs in instead of a password or a code. Who has a factor gives it at each sign-in, and a business can demand one by role: until it is given the database shows and takes nothing, at the Data API and storage too. Whoever says where customers pay, invites, changes roles, hands the business over or exports the trail proves anew who they are, unless they did so within ten minutes. Whoever runs TradersFlow has given theirs, or gets nowhere.',
        doors: {
            app: 'a page that needs the factor leads to where it is given, and back.',
            open: 'the auth server lets somebody with a password begin a session there without the factor; the database answers nothing to it.'
        }
    }
];
