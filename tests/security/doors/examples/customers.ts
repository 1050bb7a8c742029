// The doors of customers and their sites.
import { BLANK, changes, key, shows, type Examples, type Request } from './example.ts';

const newCustomer = (): Request => ({
    path: '/customers/new',
    fields: {
        name: 'Ahmed Khan',
        email: 'ahmed@example.test',
        address_line_1: '1 Mill Lane',
        idempotency_key: key()
    }
});

export const customers: Examples = {
    '/(app)/customers load': [shows(async (of) => (await of.aCustomer(), { path: '/customers' }))],
    '/(app)/customers/[customer] load': [
        shows(async (of) => ({ path: `/customers/${(await of.aCustomer()).customerId}` }))
    ],
    '/(app)/customers/[customer] action:site': [
        changes(async (of) => ({
            path: `/customers/${(await of.aCustomer()).customerId}?/site`,
            fields: { address_line_1: '9 Bank Street' }
        }))
    ],
    '/(app)/customers/[customer]/edit load': [
        shows(async (of) => ({ path: `/customers/${(await of.aCustomer()).customerId}/edit` }))
    ],
    '/(app)/customers/[customer]/edit action:default': [
        changes(async (of) => ({
            path: `/customers/${(await of.aCustomer()).customerId}/edit`,
            fields: { name: `Renamed ${key()}` }
        }))
    ],
    '/(app)/customers/new load': [
        { does: 'neither', because: BLANK, request: () => ({ path: '/customers/new' }) }
    ],
    '/(app)/customers/new action:default': [changes(newCustomer)]
};
