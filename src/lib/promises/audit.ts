/** AUD: the record of what happened. */
import {
    code,
    constraint,
    eventTrigger,
    every,
    fn,
    nothing,
    schedule,
    table,
    tagged,
    test,
    trigger
} from './builders.ts';
import type { LedgerRow } from './types.ts';

export const audit: readonly LedgerRow[] = [
    {
        id: 'AUD-1',
        sentence:
            'Every change to a business’s data is on record: who, what, when, from which address and browser, and the changed fields before and after.',
        state: 'kept',
        enforcedBy: [
            every('trigger that records changes', 30),
            fn('audit.record()'),
            fn('private.request_context()')
        ],
        provedBy: [
            test(
                'db',
                'the schema [AUD-1] the changes of every table are recorded, but for those excused with a reason'
            ),
            test('db', '[AUD-1] every table in the catalog is watched, or excused with a reason'),
            test(
                'db',
                '[AUD-1] by triggers that always fire: on insert and delete, on update, and against truncate'
            ),
            test(
                'db',
                '[AUD-1] a change is recorded: who, what, from where, and the changed field before and after'
            ),
            test('db', '[AUD-1] nobody who is signed in can pass for somebody else'),
            test(
                'integration',
                '[AUD-1] an act through the web app is recorded with the person’s own address, browser and request id, as vouched for'
            ),
            test(
                'integration',
                '[AUD-1] an act through the web app and one at the Data API with an invented context is not believed'
            ),
            tagged('db', 10),
            tagged('integration', 8),
            tagged('security', 10),
            tagged('e2e', 1)
        ],
        doors: {
            app: 'address and browser are vouched for by our server, which saw them.',
            open: 'of an act made directly at the Data API the record holds what the gateway saw, marked as not vouched for.'
        }
    },
    {
        id: 'AUD-2',
        sentence:
            'Signing in and out, changes of access and of settings, files put in and looked at, exports and deletions are on record, and so is what was refused.',
        state: 'not_yet',
        works: 'Sign-ins good and refused, sessions that begin and end, changes of password and address, changes of roles and of a business’s details, files uploaded and viewed, deletions, and acts that were refused.',
        missing:
            'Second factors, subscriptions, API keys and the deletion of a business are to be recorded once they exist.',
        enforcedBy: [
            fn('private.record_auth_event()'),
            trigger('auth.sessions', 'audit_session_begun_and_ended'),
            trigger('auth.users', 'audit_person_changed'),
            trigger('auth.identities', 'audit_identity_added_and_removed'),
            fn('service.record_sign_in(text,uuid,text,text,text,text)'),
            fn('private.record_views(uuid,uuid[])'),
            fn('private.report_refusal(uuid,text,text)'),
            fn('service.record_refusal(jsonb,text,jsonb)'),
            nothing('service.record_refusal(jsonb,text,jsonb)', 'authenticated')
        ],
        provedBy: [
            test(
                'integration',
                '[AUD-2] the trail tells of every kind that the promise names, or says what is still to come'
            ),
            test(
                'integration',
                '[AUD-2] a record of a sign-in holds the address and agent that the web tier vouches for, and whose session it is'
            ),
            test(
                'integration',
                '[AUD-2] a record of a sign-in never holds the password, nor an address that nobody signs in with'
            ),
            test('db', '[AUD-2] an act that was refused is recorded by a call of its own'),
            test('db', '[AUD-2] a member cannot write such a record'),
            tagged('db', 10),
            tagged('integration', 8)
        ],
        limits: 'Somebody must always be able to sign in: should the record of it fail, they are signed in all the same, and the gap shows in the check of their chain.'
    },
    {
        id: 'AUD-3',
        sentence:
            'Nobody can change, delete or empty the record: not a business’s owner, not our own services, not the database’s owner short of changing its very construction, and what somebody who does that has changed is found.',
        state: 'kept',
        enforcedBy: [
            every('trigger that keeps records unchangeable', 14),
            eventTrigger('audit_is_not_altered'),
            eventTrigger('audit_is_not_dropped'),
            fn('audit.refuse'),
            nothing('audit.records', 'service_role'),
            nothing('audit.records', 'authenticated'),
            nothing('audit.records', 'anon')
        ],
        provedBy: [
            test('db', "[AUD-3] the owner of the database can't update records"),
            test('db', '[AUD-3] nor truncate records'),
            test('db', "[AUD-3] the service role can't update records"),
            test('db', "[AUD-3] an account's owner can't update records"),
            test('db', '[AUD-3] everything in schema audit is under the guard'),
            test('db', '[AUD-3] every trigger of the audit trail fires in every mode'),
            test(
                'security',
                'somebody who owns the schema and edits one column of a record [AUD-4] is found by both verifiers, whichever of the anchored records it is'
            ),
            tagged('db', 80)
        ],
        limits: 'Whoever owns the database can switch its guards off and then change, add or remove records; no database can stop its own owner. It shows afterwards: the record no longer fits its hash and the chain no longer closes, and where somebody computes the whole chain anew, its head is no longer the one that was signed and sent outside (AUD-4).'
    },
    {
        id: 'AUD-4',
        sentence:
            'Records form a chain, and its head is signed every hour and sent outside: a change, a gap, a cut or a whole rewrite of what was anchored is found, by you too and without our help.',
        state: 'kept',
        enforcedBy: [
            trigger('audit.records', 'records_are_linked'),
            fn('audit.link'),
            fn('audit.canonical'),
            fn('audit.verify'),
            fn('service.store_anchor'),
            schedule('audit-anchor'),
            schedule('anchor-digest'),
            code('src/lib/domain/audit/verify.ts', 'exportVerifier'),
            nothing('service.store_anchor(jsonb,text)', 'authenticated')
        ],
        provedBy: [
            test(
                'unit',
                'an export [AUD-4] that was rewritten with valid hashes is found by an anchor, and only by one'
            ),
            test('unit', 'an export [AUD-4] whose tail was cut is found by an anchor'),
            test('unit', 'an export [AUD-4] with any single change anywhere in record, hash or value is bad'),
            test(
                'integration',
                'an hour later [AUD-4] the heads that moved are signed, and a copy lies outside the database'
            ),
            test('integration', 'the function that anchors [AUD-4] keeps its key out of the database'),
            test(
                'integration',
                'the owner [AUD-4] gets one mail a week, whose anchor verifies an export without the database'
            ),
            test(
                'integration',
                'at the terminal [AUD-4] the operator’s copies verify the same export, and both verifiers count alike'
            ),
            test('db', '[AUD-4] an honest chain verifies'),
            test(
                'security',
                'somebody who owns the schema and edits one column of a record [AUD-4] is found by both verifiers, whichever column it is'
            ),
            test(
                'security',
                'somebody who owns the schema and pretends that old months were dropped [AUD-4] to hide a changed record is found by both verifiers'
            ),
            test(
                'security',
                'a forged anchor [AUD-4] signed with another key does not cover up a rewritten chain'
            ),
            test(
                'security',
                'what can’t be claimed a record after the last anchor can be rewritten unseen, and the verifier says how many there are'
            ),
            tagged('security', 20),
            tagged('unit', 15),
            tagged('db', 12),
            tagged('integration', 10)
        ],
        limits: 'What was recorded after the last anchor, an hour at most when all is well, can be rewritten without trace by whoever owns the database. An owner who keeps no anchor outside has only our word for which chain is the right one.',
        links: [
            { href: '/security/anchors.json', words: 'The public anchors' },
            { href: '/.well-known/audit-keys.json', words: 'The keys that sign them' }
        ]
    },
    {
        id: 'AUD-5',
        sentence:
            'You search the record by thing, person, act and date and take it with you; nothing of the last 12 months is ever dropped, and erasing a person’s data leaves the chain whole.',
        state: 'kept',
        enforcedBy: [
            fn('private.audit_trail'),
            fn('private.audit_export'),
            fn('audit.erase_person'),
            fn('audit.drop_segment'),
            fn('audit.guard_drop'),
            fn('audit.guard_erasure')
        ],
        provedBy: [
            test('db', "[AUD-5] an invoice's number finds that invoice"),
            test('db', '[AUD-5] by one person'),
            test('db', '[AUD-5] days bound the search'),
            test('db', '[AUD-5] the export is what is stored, up to where the chain stood when it began'),
            test('db', '[AUD-5] nothing of the last twelve months goes'),
            test('db', '[AUD-5] retention demands an anchor: without one nothing goes'),
            test('db', '[AUD-5] erasing a person leaves the chain valid'),
            test('db', '[AUD-5] nothing that is classified personal is left of the customer'),
            tagged('unit', 5),
            tagged('security', 1),
            test(
                'integration',
                'the export [AUD-5] as JSONL is verified to the last record by whoever has no database, and holds what is stored'
            ),
            tagged('db', 40),
            tagged('integration', 6),
            tagged('e2e', 1)
        ],
        limits: 'What an issued invoice says about a customer stays, as tax law asks.'
    },
    {
        id: 'AUD-6',
        sentence: 'No password field, card number, key, token or private link ever reaches the record.',
        state: 'kept',
        enforcedBy: [
            table('audit.columns'),
            fn('audit.append'),
            fn('audit.mask'),
            constraint('mail.outbox', 'sent_message_keeps_no_secret')
        ],
        provedBy: [
            test(
                'security',
                '[AUD-6] the words were taken where people may type them, so that there is something to find'
            ),
            test(
                'security',
                '[AUD-6] the audit trail holds no card, key, private link, token or password, in no column of no table'
            ),
            test('security', '[AUD-6] the audit trail says of a secret column only that it changed'),
            test('db', 'the schema [AUD-6] every column that looks like a secret is classified'),
            test('db', '[AUD-6] the token of a link never reaches the log'),
            test('db', '[AUD-6] no value of the log holds the card'),
            tagged('db', 15),
            tagged('security', 5)
        ],
        limits: 'Cards and keys are known by their form wherever they are typed. A password has none: one that you write into a note is a note like any other.'
    },
    {
        id: 'AUD-7',
        sentence:
            'Calls of our interface by programs are on record for 12 months: when, whose key, from where, what, and the result.',
        state: 'not_yet',
        missing: 'There is no such interface yet.',
        enforcedBy: [],
        provedBy: []
    }
];
