/** The business's own particulars: what stands at the top of its invoices. */
import { z } from 'zod';
import { read, type Db } from './data.ts';
import { AccountId } from './ids.ts';

const Business = z.object({
    id: AccountId,
    name: z.string(),
    trade: z.string(),
    vat_registered: z.boolean(),
    vat_number: z.string().nullable(),
    email: z.string().nullable(),
    phone: z.string().nullable(),
    address_line_1: z.string().nullable(),
    address_line_2: z.string().nullable(),
    town: z.string().nullable(),
    postcode: z.string().nullable(),
    payment_terms_days: z.int()
});

export type Business = z.infer<typeof Business>;

const columns = Object.keys(Business.shape).join(', ');

/** The account's details, or `not_found`. */
export function getBusiness(db: Db, account: AccountId): Promise<Business> {
    return read(db.from('accounts').select(columns).eq('id', account).single(), Business);
}

/** Changes the details. Invoices that are issued keep what stood on them. */
export async function updateBusiness(
    db: Db,
    account: AccountId,
    details: Omit<Business, 'id'>
): Promise<void> {
    await read(
        db.from('accounts').update(details).eq('id', account).select('id').single(),
        z.object({ id: AccountId })
    );
}
