/** MAIL, API, PART and DATA: what goes out, who else comes in, and your right to your data. */
import { code, constraint, fn, nothing, schedule, table, tagged, test } from './builders.ts';
import type { LedgerRow, PromiseId } from './types.ts';

/** A promise of which there is nothing yet. */
const notYet = (id: PromiseId, sentence: string, missing: string): LedgerRow => ({
    id,
    sentence,
    state: 'not_yet',
    missing,
    enforcedBy: [],
    provedBy: []
});

export const dealings: readonly LedgerRow[] = [
    {
        id: 'MAIL-1',
        sentence:
            'Every e-mail is on record with what it was, to whom, and what became of it, from delivered to complained about.',
        state: 'not_yet',
        works: 'Every mail is kept with its kind, its address and whether it was sent or failed.',
        missing: 'What became of it afterwards: delivered, opened, bounced, complained about.',
        enforcedBy: [
            table('mail.outbox'),
            constraint('mail.outbox', 'message_state_is_known'),
            fn('service.mail_failed(uuid,uuid,text,boolean)')
        ],
        provedBy: [test('db', '[MAIL-1] a failure is recorded'), tagged('db', 1)]
    },
    {
        id: 'MAIL-2',
        sentence:
            'A failed mail is tried again, the same mail is never sent twice, and where that can’t be known it waits for a person.',
        state: 'kept',
        enforcedBy: [
            constraint('mail.outbox', 'message_is_queued_once'),
            constraint('mail.outbox', 'leased_message_is_being_sent'),
            fn('service.claim_mail(integer,integer)'),
            fn('service.mail_failed(uuid,uuid,text,boolean)'),
            code('supabase/functions/send-mail/provider.ts', 'send'),
            schedule('send-mail')
        ],
        provedBy: [
            test('integration', 'send-mail [MAIL-2] sends each message once, however many workers run'),
            test(
                'integration',
                'send-mail [MAIL-2] sends nothing twice when the provider took a message and its answer was lost'
            ),
            test(
                'integration',
                'everything killed while invoices are being issued everything killed while they are sent: each e-mail arrives once'
            ),
            test(
                'db',
                '[MAIL-2] once the provider may no longer recognise the repetition, it is not sent again'
            ),
            test('db', '[MAIL-2] but waits for a person'),
            tagged('db', 9),
            tagged('contract', 3),
            tagged('integration', 4)
        ]
    },
    notYet(
        'MAIL-3',
        'Addresses that bounced or complained get nothing more of that sort; a complaint never expires.',
        'The list of such addresses.'
    ),
    notYet('MAIL-4', 'When too many mails fail, somebody is woken.', 'The alert.'),
    notYet(
        'MAIL-5',
        'One click ends any mail that you don’t strictly need.',
        'There is no such mail yet, and so no way to end it.'
    ),
    notYet(
        'API-1',
        'Programs use keys that belong to one business, may do what you chose, are shown once, kept as a hash and revoked at once.',
        'The interface for programs and its keys.'
    ),
    notYet('API-2', 'A key passes through the same rules in the database as a person.', 'Keys.'),
    notYet(
        'API-3',
        'Whatever a program sends is checked against a strict description, and errors are told in a standard form.',
        'The interface for programs.'
    ),
    notYet(
        'API-4',
        'Messages that we send to your programs are signed, repeated until they arrive, and can’t be aimed at our own network.',
        'Outgoing webhooks.'
    ),
    notYet('API-5', 'An agent can sign its requests; one that is repeated or altered is refused.', 'Agents.'),
    notYet('API-6', 'Each decision about risk keeps its reasons in words.', 'Such decisions.'),
    notYet(
        'PART-1',
        'A partner sees the portal of the business that invited them, and there only what is theirs.',
        'Portals for partners. Somebody with the role of partner sees nothing at all today.'
    ),
    notYet(
        'PART-2',
        'Referrals, commissions and marketing money go through approval, and each decision is on record.',
        'Referrals.'
    ),
    notYet(
        'PART-3',
        'Leads can be taken along as a table at any time, safe to open in a spreadsheet.',
        'Leads.'
    ),
    {
        id: 'PART-4',
        sentence:
            'A private link can’t be guessed, is kept only as a hash, runs out, and can be revoked with effect on the next request.',
        state: 'kept',
        enforcedBy: [
            fn('private.mint_portal_link(uuid,uuid,text)'),
            fn('private.live_link(text,text)'),
            fn('private.revoke_portal_links(uuid,uuid)'),
            constraint('public.portal_links', 'portal_token_is_kept_as_a_hash'),
            nothing('private.mint_portal_link(uuid,uuid,text)', 'authenticated')
        ],
        provedBy: [
            test('db', '[PART-4] a link carries 256 random bits'),
            test('db', '[PART-4] the token is kept nowhere'),
            test('db', '[PART-4] a guess opens nothing'),
            test('db', '[PART-4] an expired link opens nothing'),
            test(
                'integration',
                '[PART-4] a private link that was revoked shows nothing with the next request, wherever it is used'
            ),
            tagged('db', 13),
            tagged('integration', 6)
        ],
        limits: 'These are the links that customers get to an invoice; there are none for suppliers yet. Whoever a customer hands a link on to can use it too.'
    },
    notYet(
        'DATA-1',
        'You can export everything in a documented form that can be read in again.',
        'The export.'
    ),
    notYet(
        'DATA-2',
        'What you delete can be brought back for a time and is then gone, except what tax law makes us keep.',
        'The bin, and deleting for good.'
    ),
    notYet(
        'DATA-3',
        'Deleting a business is explicit, delayed, can be called off until then, and is on record.',
        'Deleting a business.'
    )
];
