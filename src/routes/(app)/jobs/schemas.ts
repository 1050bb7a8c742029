import { z } from 'zod';
import { JOB_STATES } from '$lib/domain/lifecycle.ts';
import { optionalDay, optionalEmail, optionalWords, orNull, words } from '$lib/server/fields.ts';
import { CustomerId, IdempotencyKey, SiteId } from '$lib/server/ids.ts';
import type { JobDetails } from '$lib/server/jobs.ts';
import { siteFields } from '../customers/schemas.ts';

const details = {
    title: words('Say in a few words what is to be done.'),
    description: optionalWords(4000),
    booked_on: optionalDay
};

/** `new` as the customer means the one whose name, e-mail and phone are typed beside. */
export const NewJobForm = z
    .object({
        ...details,
        customer_id: z.union([z.literal('new'), CustomerId], 'Choose a customer.').default('new'),
        site_id: z.union([z.literal('new'), z.literal(''), SiteId]).default(''),
        customer_name: optionalWords(),
        customer_email: optionalEmail,
        customer_phone: optionalWords(40),
        ...siteFields,
        idempotency_key: IdempotencyKey
    })
    .refine((job) => job.customer_id !== 'new' || job.customer_name !== '', {
        path: ['customer_name'],
        message: 'Give the customer a name.'
    })
    .refine(
        (job) =>
            job.address_line_1 !== '' ||
            [job.address_line_2, job.town, job.postcode].every((text) => text === ''),
        {
            path: ['address_line_1'],
            message: 'Give the first line of the address.'
        }
    );

export const JobForm = z.object({ ...details, site_id: z.union([z.literal(''), SiteId]).default('') });

export const MoveForm = z.object({ to: z.enum(JOB_STATES) });

export function detailsOf(input: { title: string; description: string; booked_on: string }): JobDetails {
    return { title: input.title, description: orNull(input.description), booked_on: orNull(input.booked_on) };
}
