/** A trader's customers and the addresses they work at. */
import { z } from 'zod';
import { call, read, readPage, type Db } from './data.ts';
import { CustomerId, SiteId, type AccountId } from './ids.ts';
import { containing, Moment, rangeOf } from './shapes.ts';

const Site = z.object({
    id: SiteId,
    address_line_1: z.string(),
    address_line_2: z.string().nullable(),
    town: z.string().nullable(),
    postcode: z.string().nullable()
});

/** An address of work. */
export type Site = z.infer<typeof Site>;

const Customer = z.object({
    id: CustomerId,
    name: z.string(),
    email: z.string().nullable(),
    phone: z.string().nullable(),
    notes: z.string().nullable(),
    created_at: Moment,
    updated_at: Moment,
    sites: z.array(Site)
});

/** A customer with their sites, oldest first. */
export type Customer = z.infer<typeof Customer>;

const columns =
    'id, name, email, phone, notes, created_at, updated_at, sites (id, address_line_1, address_line_2, town, postcode)';

/** What a person types about a customer. */
export type CustomerDetails = {
    name: string;
    email: string | null;
    phone: string | null;
    notes: string | null;
};

/** What a person types about an address of work. */
export type SiteDetails = Omit<Site, 'id'>;

/** A page of customers by name; `search` looks at name, e-mail and phone. */
export function listCustomers(
    db: Db,
    account: AccountId,
    options: { search?: string; page?: number } = {}
): Promise<{ rows: Customer[]; total: number }> {
    const query = db.from('customers').select(columns, { count: 'exact' }).eq('account_id', account);
    const pattern = options.search?.trim() ? containing(options.search) : null;
    const found = pattern
        ? query.or(`name.ilike.${pattern},email.ilike.${pattern},phone.ilike.${pattern}`)
        : query;
    return readPage(
        found
            .order('name')
            .order('id')
            .order('id', { referencedTable: 'sites' })
            .range(...rangeOf(options.page ?? 1)),
        z.array(Customer)
    );
}

/** One customer, or `not_found`. */
export function getCustomer(db: Db, account: AccountId, id: CustomerId): Promise<Customer> {
    return read(
        db
            .from('customers')
            .select(columns)
            .eq('account_id', account)
            .eq('id', id)
            .order('id', { referencedTable: 'sites' })
            .single(),
        Customer
    );
}

/** Adds a customer and, when given, their first site; both or neither. Same key, same customer. */
export function createCustomer(
    db: Db,
    account: AccountId,
    idempotencyKey: string,
    customer: CustomerDetails,
    site: SiteDetails | null
): Promise<{ customer_id: CustomerId; site_id: SiteId | null }> {
    return call(
        db,
        'create_customer',
        { account_id: account, idempotency_key: idempotencyKey, customer, site },
        z.object({ customer_id: CustomerId, site_id: SiteId.nullable() })
    );
}

/** Changes a customer's details. */
export async function updateCustomer(
    db: Db,
    account: AccountId,
    id: CustomerId,
    details: CustomerDetails
): Promise<void> {
    await read(
        db.from('customers').update(details).eq('account_id', account).eq('id', id).select('id').single(),
        z.object({ id: CustomerId })
    );
}

/** Adds another address of work to a customer. */
export async function addSite(
    db: Db,
    account: AccountId,
    customer: CustomerId,
    site: SiteDetails
): Promise<SiteId> {
    const row = { account_id: account, customer_id: customer, ...site };
    const { id } = await read(db.from('sites').insert(row).select('id').single(), z.object({ id: SiteId }));
    return id;
}
