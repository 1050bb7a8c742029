/** ISO: keeping businesses apart. */
import { code, constraint, every, eventTrigger, fn, nothing, tagged, test } from './builders.ts';
import type { LedgerRow } from './types.ts';

export const isolation: readonly LedgerRow[] = [
    {
        id: 'ISO-1',
        sentence:
            'A request made for one business can never read or change another business’s rows, even when it asks for them by name.',
        state: 'kept',
        enforcedBy: [
            fn('private.accounts_with(text)'),
            fn('private.session_is_live()'),
            every('table with row-level security enabled and forced', 28),
            every('policy on our tables', 28),
            eventTrigger('policies_ask_for_the_account'),
            nothing('public.invoices', 'anon'),
            nothing('public.invoices', 'service_role')
        ],
        provedBy: [
            test(
                'db',
                '[ISO-1] nothing that anybody says reaches another account, with the wrong id, without a filter, or with one layer alone'
            ),
            test(
                'db',
                '[ISO-1] every table, view and function that has an address has its row, and the files name nothing that is not there'
            ),
            test('db', 'the schema [ISO-1] every condition of every policy asks who it is'),
            test(
                'db',
                'the schema [ISO-1] every policy names the roles it is for, and none is for everybody'
            ),
            test(
                'security',
                'functions [ISO-1] every act asked for with another business’s ids is answered as if it did not exist, and changes nothing'
            ),
            test('security', 'reading [ISO-1] another account’s id in a filter finds nothing'),
            test('security', 'reading [ISO-1] an embed reaches no row of another account, from either side'),
            test('security', 'writing [ISO-1] another account’s row can’t be taken into one’s own'),
            tagged('db', 40),
            tagged('security', 150)
        ],
        limits: 'Whoever holds the database owner’s own password, or a backup, stands behind these rules and not in front of them; the web server holds neither, nor any key that passes over them. And time tells a little: whoever knows another business’s id can guess from how long an answer takes roughly how many rows it has, and whoever knows a row’s id, which nobody can guess, can find by asking often that it exists; never what is in it.'
    },
    {
        id: 'ISO-2',
        sentence:
            'A new table is closed from the moment it is made: nobody but its owner can read or write it until somebody opens it.',
        state: 'kept',
        enforcedBy: [eventTrigger('tables_are_born_closed'), fn('private.close_new_tables()')],
        provedBy: [
            test(
                'db',
                '[ISO-2] a new table has row-level security, enabled and forced, the moment it is created'
            ),
            test('db', '[ISO-2] nobody but the owner has any privilege on a new table'),
            test('db', '[ISO-2] anon cannot read a new table'),
            test('db', '[ISO-2] a member cannot read a new table'),
            test('db', '[ISO-2] granted by mistake, a new table still shows nothing without a policy'),
            tagged('db', 8)
        ]
    },
    {
        id: 'ISO-3',
        sentence:
            'A row can never point at another business’s row: no job for somebody else’s customer, no line or payment on somebody else’s invoice.',
        state: 'kept',
        enforcedBy: [
            every('foreign key that carries the account', 15),
            constraint('public.sites', 'site_is_of_one_customer')
        ],
        provedBy: [
            test('db', 'the schema [ISO-3] every reference to a row of an account carries the account'),
            test(
                'security',
                'references [ISO-3] for every foreign key in the catalog: pointing it at another account’s row fails'
            ),
            tagged('db', 8),
            tagged('security', 2)
        ]
    },
    {
        id: 'ISO-4',
        sentence:
            'What can be reached from outside runs with the caller’s own rights; the few functions with more are on a reviewed list, each with who may run it.',
        state: 'kept',
        enforcedBy: [
            nothing('private.require(uuid,text)', 'public'),
            nothing('private.require(uuid,text)', 'anon'),
            nothing('service.claim_mail(integer,integer)', 'authenticated'),
            nothing('service.claim_mail(integer,integer)', 'anon'),
            nothing('service.apply_stripe_object(text,text,text,bigint,jsonb)', 'authenticated')
        ],
        provedBy: [
            test(
                'db',
                'the schema [ISO-4] what runs with its owner’s rights is on the reviewed list, with who may run it'
            ),
            test(
                'db',
                'the schema [ISO-4] no function of ours may be run by everybody, and those for edge functions by nobody else'
            ),
            test('db', 'the schema [ISO-4] every function of ours fixes its search_path to nothing'),
            test('db', 'the schema [ISO-4] the service key has no right on any table: it calls functions'),
            test('security', 'functions [ISO-4] what is for our edge functions answers nobody else'),
            tagged('db', 12),
            tagged('security', 2)
        ]
    },
    {
        id: 'ISO-5',
        sentence:
            'The tests above are themselves tested: taking away any one policy, guard, condition, trigger, revoked right or composite key makes a test fail.',
        state: 'kept',
        enforcedBy: [
            code('tests/security/matrix.ts', 'runMatrix'),
            code('tests/mutation/campaign.ts', 'campaign')
        ],
        provedBy: [
            test(
                'db',
                'the matrix itself [ISO-5] a view that runs with its owner’s rights is found, and what it shows'
            ),
            test(
                'db',
                'the matrix itself [ISO-5] a function that forgot its check is found, and whose rows it shows'
            ),
            test('security', 'a mutation run [ISO-5] every mutant of a random sample is killed by a test'),
            test('security', 'a mutation run [ISO-5] a rule that no test covers is reported as a survivor'),
            tagged('db', 5),
            tagged('security', 3)
        ],
        limits: 'Each run of the tests takes two dozen rules away, drawn by the commit; all of them, one at a time, are taken away by a run of their own that takes half an hour.'
    },
    {
        id: 'ISO-6',
        sentence:
            'Settings, limits, usage, keys and connections to other services belong to one business and never cross.',
        state: 'not_yet',
        works: 'A business’s details, roles, connected Stripe account and queued mails are its own and nobody else’s.',
        missing: 'API keys, outgoing webhooks, limits and usage do not exist yet.',
        enforcedBy: [
            constraint('billing.connected_accounts', 'connected_account_belongs_to_one_business'),
            nothing('billing.connected_accounts', 'authenticated'),
            nothing('mail.outbox', 'authenticated')
        ],
        provedBy: [
            test('db', '[ISO-6] nor is it connected to two businesses'),
            test('db', "[ISO-6] a payment on one business's account does not pay another's invoice"),
            test('db', "[ISO-6] the outbox is nobody's to read"),
            tagged('db', 5),
            tagged('integration', 2)
        ]
    }
];
