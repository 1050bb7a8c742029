/** Money that came in, and the trader's account at Stripe that it goes to. Card details never come near us. */
import { z } from 'zod';
import { invoke, readPage, type Db } from './data.ts';
import { CustomerId, InvoiceId, PaymentId, type AccountId } from './ids.ts';
import { Moment, Money, rangeOf } from './shapes.ts';

const Payment = z.object({
    id: PaymentId,
    amount_pence: Money,
    refunded_pence: Money,
    method: z.enum(['card', 'bank', 'cash']),
    state: z.string(),
    paid_at: Moment,
    invoice: z.object({
        id: InvoiceId,
        reference: z.string().nullable(),
        customer: z.object({ id: CustomerId, name: z.string() })
    })
});

/** A payment with the invoice that it pays. */
export type Payment = z.infer<typeof Payment>;

/** A page of payments, latest first. */
export function listPayments(
    db: Db,
    account: AccountId,
    page = 1
): Promise<{ rows: Payment[]; total: number }> {
    return readPage(
        db
            .from('payments')
            .select(
                'id, amount_pence, refunded_pence, method, state, paid_at, ' +
                    'invoice:invoices!inner (id, reference, customer:customers!inner (id, name))',
                { count: 'exact' }
            )
            .eq('account_id', account)
            .order('paid_at', { ascending: false })
            .range(...rangeOf(page)),
        z.array(Payment)
    );
}

/** Address of Stripe's own pages where the trader sets up, or completes, card payments. */
export async function startPayouts(db: Db, account: AccountId): Promise<string> {
    const { url } = await invoke(
        db,
        'connect',
        { account_id: account, action: 'onboard' },
        z.object({ url: z.url() })
    );
    return url;
}

const Standing = z.object({
    charges_enabled: z.boolean(),
    payouts_enabled: z.boolean(),
    details_submitted: z.boolean(),
    disabled_reason: z.string().nullish()
});

/** How the trader's account at Stripe stands. */
export type PayoutStanding = z.infer<typeof Standing>;

/** Asks Stripe how the trader's account stands, and keeps the answer. */
export function refreshPayouts(db: Db, account: AccountId): Promise<PayoutStanding> {
    return invoke(db, 'connect', { account_id: account, action: 'refresh' }, Standing);
}
