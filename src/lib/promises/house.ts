/** APP, HOST and OPS: the app itself, the ground it stands on, and running it. */
import { code, fn, header, tagged, test } from './builders.ts';
import type { LedgerRow, PromiseId } from './types.ts';

const notYet = (id: PromiseId, sentence: string, missing: string): LedgerRow => ({
    id,
    sentence,
    state: 'not_yet',
    missing,
    enforcedBy: [],
    provedBy: []
});

/** A promise that a setting at a provider keeps. No run of ours sees the provider, so none of these has a tick. */
const byHost = (id: PromiseId, sentence: string, setting: string, checked: string): LedgerRow => ({
    id,
    sentence,
    state: 'hosting',
    setting,
    checked,
    enforcedBy: [],
    provedBy: []
});

const unchecked =
    'by hand, at every change of the provider’s settings; the probe that does it for us (`doctor`) does not exist yet.';

export const house: readonly LedgerRow[] = [
    {
        id: 'APP-1',
        sentence:
            'Every answer of our server, errors and files included, tells browsers to run nothing but our own code, to show us in nobody’s frame, and to come back by HTTPS only.',
        state: 'kept',
        enforcedBy: [
            code('src/lib/server/headers.ts', 'securityHeaders'),
            code('svelte.config.js', 'default'),
            header('strict-transport-security', 'max-age=63072000; includeSubDomains'),
            header('content-security-policy', "default-src 'none'"),
            header('x-content-type-options', 'nosniff'),
            header('x-frame-options', 'DENY'),
            header('referrer-policy', 'same-origin'),
            header('permissions-policy', 'camera=()')
        ],
        provedBy: [
            test(
                'security',
                '[APP-1] every route, read off the routes is guarded for somebody who is not signed in'
            ),
            test(
                'security',
                '[APP-1] every route, read off the routes is guarded for the owner of a business'
            ),
            test(
                'security',
                '[APP-1] files every file of the build and of static/ carries them, and is kept as long as its name means its content'
            ),
            test(
                'security',
                '[APP-1] what is refused a form that is too large, sent with its length and without'
            ),
            test(
                'security',
                '[APP-1] what is refused plain HTTP on the port of TLS, which gets no answer at all'
            ),
            test(
                'security',
                '[APP-1] the Observatory’s score of the front page is the highest that a page without script and cookies can have: 150, A+'
            ),
            tagged('security', 18)
        ],
        limits: 'HTTPS is demanded of browsers where people come by HTTPS; that nobody can reach us by plain HTTP at all is the hosting’s part (HOST-1).'
    },
    {
        id: 'APP-2',
        sentence:
            'Every part that we did not write is pinned to its exact version and searched for known weaknesses, and there is a list of all of them.',
        state: 'not_yet',
        works: 'Every part is pinned, and the lockfile is complete for every kind of machine.',
        missing: 'The search for known weaknesses and the list (SBOM).',
        enforcedBy: [code('tests/lockfile.ts', 'missingEntries')],
        provedBy: [test('static', 'the lockfile is complete')]
    },
    {
        id: 'APP-3',
        sentence: 'Secrets come from the environment or a vault; none is in code, logs, pages or records.',
        state: 'kept',
        enforcedBy: [
            code('src/lib/server/settings.ts', 'readSettings'),
            code('supabase/functions/_shared/settings.ts', 'readSettings'),
            code('src/lib/server/log.ts', 'logRequest'),
            fn('audit.mask')
        ],
        provedBy: [
            test(
                'security',
                '[APP-3] secrets of the product and tokens of people stand in no log, and neither does anything that somebody typed or sent'
            ),
            test(
                'security',
                '[APP-3] secrets of the product and tokens of people stand in no bundle, though the build finds them in its environment'
            ),
            test(
                'security',
                '[APP-3] secrets of the product and tokens of people stand in no file of the product: nothing there has the form of a key'
            ),
            test(
                'security',
                '[APP-3] secrets of the product and tokens of people stand in no table, but for refresh tokens, which the auth server keeps as hosted does'
            ),
            tagged('security', 5)
        ],
        limits: 'The auth server keeps refresh tokens as they are in its own table, as every Supabase project does. What the database’s own log says of a malformed call is the hosting’s.'
    },
    {
        id: 'APP-4',
        sentence:
            'Whatever is sent to us is checked before it is used, and a form that is refused keeps what you typed.',
        state: 'kept',
        enforcedBy: [
            code('src/lib/server/guard.ts', 'protectedAction'),
            code('src/lib/server/guard.ts', 'protectedEndpoint'),
            code('src/lib/server/forms.ts', 'readForm')
        ],
        provedBy: [
            test(
                'integration',
                '[AUTH-1] signing in with a code by e-mail keeps what was typed and says what is wrong with it'
            ),
            tagged('integration', 7),
            tagged('security', 60)
        ],
        limits: 'An invisible NUL character in the name of a passkey or in the settings of a single sign-on is answered as a failure of ours, and changes nothing.'
    },
    byHost(
        'HOST-1',
        'What travels between you and us, and between our parts, is encrypted (TLS 1.2 or later), and plain HTTP is sent on to it.',
        'Supabase: “Enforce SSL on incoming connections” for the database; the web host’s certificate and redirect to HTTPS.',
        unchecked
    ),
    byHost(
        'HOST-2',
        'Database, files and backups are encrypted where they lie (AES-256).',
        'Supabase encrypts every project’s disk and backups; its security page says so.',
        unchecked
    ),
    byHost(
        'HOST-3',
        'Your data stays in the region we chose, in the UK or the EU.',
        'Supabase: the project’s region, chosen when it is made (London or an EU one), for the database, files and functions.',
        unchecked
    ),
    byHost(
        'HOST-4',
        'A shield against floods of traffic stands in front.',
        'The proxy in front of the web host (for instance Cloudflare, “Proxied” on).',
        unchecked
    ),
    byHost(
        'HOST-5',
        'Certified hosting (SOC 2 Type II, ISO 27001) with guarded buildings.',
        'Supabase’s and the web host’s own reports, asked for from their trust pages.',
        unchecked
    ),
    byHost(
        'HOST-6',
        'Only named people with a hardware second factor reach production.',
        'Supabase organisation: members, with “Require MFA” on; the same at the web host.',
        unchecked
    ),
    byHost(
        'HOST-7',
        'Production data never reaches development or tests.',
        'Separate projects. The tests and the demo of this repository make their own data and are given no production key.',
        unchecked
    ),
    byHost(
        'HOST-8',
        'Secrets lie in the platform’s own vault.',
        'Supabase: Vault for what the database needs, function secrets for edge functions; the web host’s secret settings.',
        unchecked
    ),
    notYet(
        'OPS-1',
        'Health and security are watched, and somebody is woken.',
        'Metrics, traces and alerts. The server answers whether it is healthy, and no more.'
    ),
    notYet(
        'OPS-2',
        'A backup every day, kept for 30 days, to any moment, and a restore that has been practised.',
        'The practised restore, and with it the promise.'
    ),
    notYet(
        'OPS-3',
        'Separate environments, changes reviewed before they count, every deployment with its source version and an approval.',
        'The workflow of deployments. Which commit a build was made of, this page already says.'
    ),
    notYet('OPS-4', 'There 99.9% of the time, with a public status.', 'The probe and the status page.'),
    notYet(
        'OPS-5',
        'A plan for when something goes wrong, news of a breach within 48 hours, an address to report weaknesses to, and a list of who else handles data.',
        'All four documents.'
    )
];
