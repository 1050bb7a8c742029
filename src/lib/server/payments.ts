/** The trader's account at Stripe, which card payments go to. Card details never come near us. */
import { z } from 'zod';
import { invoke, type Db } from './data.ts';
import type { AccountId } from './ids.ts';

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
