/** PAY and HOOK: money, and the news that Stripe sends about it. */
import { code, constraint, fn, nothing, schedule, tagged, test, trigger } from './builders.ts';
import type { LedgerRow } from './types.ts';

export const money: readonly LedgerRow[] = [
    {
        id: 'PAY-1',
        sentence:
            'Cards are typed on Stripe’s own pages. We keep Stripe’s reference and the state of a payment, and nothing about a card, not even inside what Stripe tells us.',
        state: 'kept',
        enforcedBy: [
            code('supabase/functions/_shared/stripe-fields.ts', 'paymentIntentFields'),
            code('supabase/functions/_shared/stripe-fields.ts', 'checkoutSessionFields'),
            code('supabase/functions/stripe-webhook/event.ts', 'recordOf'),
            fn('service.record_stripe_event(jsonb)'),
            constraint('billing.stripe_events', 'event_body_is_kept_as_a_hash')
        ],
        provedBy: [
            test(
                'integration',
                'after payments were declined, challenged, made and given back [PAY-1] no value in any table of any schema tells of a card or of its holder'
            ),
            test(
                'integration',
                'after payments were declined, challenged, made and given back [PAY-1] nor does any file of ours: the database’s own, its journal, the storage, the logs, the mails'
            ),
            test(
                'integration',
                'after payments were declined, challenged, made and given back [PAY-1] and this search would have found it'
            ),
            test(
                'security',
                '[APP-1] every route, read off the routes is guarded for somebody who is not signed in'
            ),
            test(
                'unit',
                '[PAY-1] what of Stripe’s objects reaches the database is nothing of a card or a payer'
            ),
            tagged('unit', 5),
            tagged('db', 2),
            tagged('integration', 7)
        ],
        limits: 'Stripe is played by a stand-in that speaks its published interface; what Stripe itself keeps is Stripe’s.'
    },
    {
        id: 'PAY-2',
        sentence:
            'What you pay us is as Stripe holds it: trial, active, past due and cancelled follow Stripe, and are compared with it.',
        state: 'not_yet',
        missing: 'Subscriptions: TradersFlow takes no money from you yet.',
        enforcedBy: [],
        provedBy: []
    },
    {
        id: 'PAY-3',
        sentence:
            'Your customers pay on Stripe’s pages, and the money goes straight to your own Stripe account.',
        state: 'kept',
        enforcedBy: [
            fn('service.checkout_begin(text,text)'),
            fn('service.checkout_opened(uuid,uuid,uuid,text,text,timestamp with time zone)'),
            constraint('billing.connected_accounts', 'connected_account_belongs_to_one_business'),
            constraint('billing.checkout_sessions', 'checkout_session_is_known_once'),
            constraint('public.payments', 'payment_intent_is_recorded_once'),
            nothing('billing.checkout_sessions', 'authenticated')
        ],
        provedBy: [
            test(
                'integration',
                'the money [PAY-3] goes to the trader’s connected account: session and charge are made there, none on the platform'
            ),
            test(
                'integration',
                'the amount [PAY-3] can’t be chosen by who pays: not at our door, not on Stripe’s page'
            ),
            test(
                'integration',
                'a tap on Pay [PAY-3] ten times at once opens one page, and later ones come back to it'
            ),
            test(
                'integration',
                '[PAY-3] paying leads over Stripe’s page to a paid docket, which follows the webhook'
            ),
            test('e2e', '[PAY-3] an invoice is written, issued, sent and paid with JavaScript off'),
            tagged('db', 6),
            tagged('integration', 25),
            tagged('e2e', 2)
        ],
        limits: 'Stripe is played by a stand-in that speaks its published interface.'
    },
    {
        id: 'PAY-4',
        sentence:
            'You manage plan, card and our invoices on Stripe’s customer portal, and after cancelling you can still read and export.',
        state: 'not_yet',
        missing: 'Subscriptions, and with them the portal.',
        enforcedBy: [],
        provedBy: []
    },
    {
        id: 'PAY-5',
        sentence: 'One way of adding up, in whole pence: screen, PDF, Stripe and export agree to the penny.',
        state: 'not_yet',
        works: 'VAT once per rate to the nearest penny, totals that the database refuses when they differ from their lines, and Stripe asked for exactly what is owed.',
        missing: 'The export, and one test that compares screen, PDF and export for made-up invoices.',
        enforcedBy: [
            trigger('public.invoices', 'invoice_totals_equal_the_sum_of_their_lines'),
            trigger('public.invoice_lines', 'lines_add_up_to_their_invoice'),
            constraint('public.invoices', 'invoice_total_is_net_plus_vat'),
            constraint('public.invoice_vat', 'vat_is_the_rate_of_the_net_to_the_nearest_penny'),
            code('src/lib/domain/money.ts', 'divideRounded')
        ],
        provedBy: [
            test('db', '[PAY-5] totals that differ from the lines are refused, whoever writes them'),
            test('db', '[PAY-5] G04 half a penny goes up, not to even'),
            test(
                'integration',
                '[PAY-5] a part given back leaves the invoice part paid, on the trader’s side and the customer’s'
            ),
            tagged('db', 13),
            tagged('integration', 6)
        ]
    },
    {
        id: 'HOOK-1',
        sentence:
            'What claims to come from Stripe is checked on its raw bytes before anything else happens; unsigned, old or altered, it is refused and leaves nothing behind.',
        state: 'kept',
        enforcedBy: [
            code('supabase/functions/stripe-webhook/index.ts', 'TOLERANCE_SECONDS'),
            code('supabase/functions/stripe-webhook/index.ts', 'BODY_LIMIT_BYTES'),
            nothing('service.record_stripe_event(jsonb)', 'authenticated')
        ],
        provedBy: [
            test(
                'integration',
                'a webhook that Stripe did not send [HOOK-1] signed, but no event, is answered 400 and leaves no row anywhere'
            ),
            test(
                'integration',
                'a webhook that Stripe did not send [HOOK-1] that pretends to be our own sweeper is answered 401 and leaves no row anywhere'
            ),
            test(
                'integration',
                'a webhook that Stripe did not send [HOOK-1] too large to be an event is answered 413 before it has ended, whether or not it says its length'
            ),
            tagged('integration', 15)
        ]
    },
    {
        id: 'HOOK-2',
        sentence: 'Every event counts once, however often and in whatever order it arrives.',
        state: 'kept',
        enforcedBy: [
            fn('service.record_stripe_event(jsonb)'),
            fn('service.claim_stripe_object(text,text,text,integer)'),
            fn('service.apply_stripe_object(text,text,text,bigint,jsonb)'),
            fn('private.held_lease(text,text,text,bigint)'),
            constraint('public.payments', 'payment_intent_is_recorded_once')
        ],
        provedBy: [
            test(
                'integration',
                'the events of one payment [HOOK-2] in each order they can come in, each of them again later, end in the same state'
            ),
            test(
                'integration',
                'the events of one payment [HOOK-2] shuffled, repeated, some late and with refunds made in between, end as Stripe holds it'
            ),
            test(
                'integration',
                'the same event [HOOK-2] delivered 20 times at once makes one payment, pays the invoice once and sends one receipt'
            ),
            test(
                'integration',
                'the events of one payment [HOOK-2] a worker that asked Stripe before a refund and comes back after it does not undo the refund'
            ),
            tagged('db', 12),
            tagged('integration', 6)
        ]
    },
    {
        id: 'HOOK-3',
        sentence:
            'When something fails on our side, Stripe is told to come again, and nothing that we acknowledged is lost.',
        state: 'kept',
        enforcedBy: [fn('service.unapplied_stripe_objects(integer)'), schedule('sweep-stripe')],
        provedBy: [
            test(
                'integration',
                'with the database stopped [HOOK-3] a webhook is answered 5xx, and makes the invoice paid when Stripe sends it again'
            ),
            test(
                'integration',
                'with Stripe out of reach [HOOK-3] a webhook is kept and answered 200, and the sweeper applies it once Stripe is back'
            ),
            test(
                'integration',
                'when the function’s process is killed between keeping an event and applying it [HOOK-3] Stripe sends it again, and the invoice is paid once'
            ),
            tagged('db', 3),
            tagged('integration', 5)
        ]
    },
    {
        id: 'HOOK-4',
        sentence:
            'While a signing secret is changed, the old and the new one both count, and no payment is missed.',
        state: 'kept',
        enforcedBy: [code('supabase/functions/stripe-webhook/index.ts', 'STRIPE_WEBHOOK_SECRETS')],
        provedBy: [
            test(
                'integration',
                '[HOOK-4] while a secret is rolled no payment is missed: by the old one, by both, by the new one alone'
            ),
            test('integration', '[HOOK-4] either secret is good by itself, and no third one'),
            tagged('integration', 3)
        ]
    },
    {
        id: 'HOOK-5',
        sentence:
            'What we hold is compared with Stripe regularly, and every difference is repaired and reported.',
        state: 'not_yet',
        missing: 'The comparison.',
        enforcedBy: [],
        provedBy: []
    }
];
