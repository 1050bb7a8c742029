import { z } from 'zod';
import type { CustomerDetails, SiteDetails } from '$lib/server/customers.ts';
import { optionalEmail, optionalWords, orNull, words } from '$lib/server/fields.ts';
import { IdempotencyKey } from '$lib/server/ids.ts';

const details = {
    name: words('Give the customer a name.'),
    email: optionalEmail,
    phone: optionalWords(40),
    notes: optionalWords(2000)
};

/** Where work is done. Left wholly empty it means no site. */
export const siteFields = {
    address_line_1: optionalWords(),
    address_line_2: optionalWords(),
    town: optionalWords(),
    postcode: optionalWords(10)
};

export const CustomerForm = z.object(details);
export const NewCustomerForm = z.object({ ...details, ...siteFields, idempotency_key: IdempotencyKey });
export const SiteForm = z.object({
    ...siteFields,
    address_line_1: words('Give the first line of the address.')
});

type Typed<Fields extends Record<string, z.ZodType>> = { [Name in keyof Fields]: z.output<Fields[Name]> };

export function customerOf(input: Typed<typeof details>): CustomerDetails {
    return {
        name: input.name,
        email: orNull(input.email),
        phone: orNull(input.phone),
        notes: orNull(input.notes)
    };
}

/** The site that was typed, or null when all of it was left empty. */
export function siteOf(input: Typed<typeof siteFields>): SiteDetails | null {
    const { address_line_1, address_line_2, town, postcode } = input;
    if ([address_line_1, address_line_2, town, postcode].every((text) => text === '')) return null;
    return {
        address_line_1,
        address_line_2: orNull(address_line_2),
        town: orNull(town),
        postcode: orNull(postcode)
    };
}

/** A site with a town but no first line can't be found by anybody. */
export const siteIsWhole = (input: Typed<typeof siteFields>): boolean =>
    siteOf(input) === null || input.address_line_1 !== '';
