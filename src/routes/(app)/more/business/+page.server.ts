import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { normalPostcode, normalVatNumber } from '$lib/domain/uk.ts';
import { getBusiness, updateBusiness } from '$lib/server/business.ts';
import { optionalEmail, optionalWords, orNull, words } from '$lib/server/fields.ts';
import { blankForm } from '$lib/server/forms.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';

const BusinessForm = z
    .object({
        name: words('Give the business a name.'),
        trade: words('Say what your trade is.', 60),
        vat_registered: z.boolean().default(false),
        vat_number: optionalWords(20).refine(
            (text) => text === '' || normalVatNumber(text) !== null,
            'That is not a UK VAT number: check the nine digits.'
        ),
        email: optionalEmail,
        phone: optionalWords(40),
        address_line_1: optionalWords(),
        address_line_2: optionalWords(),
        town: optionalWords(),
        postcode: optionalWords(10),
        payment_terms_days: z.coerce.number('Give a number of days.').int().min(0).max(120).default(14)
    })
    .refine((business) => business.vat_registered || business.vat_number === '', {
        path: ['vat_number'],
        message: 'Tick that you are VAT registered, or leave the VAT number out.'
    });

export const load = protectedLoad('account.write', async ({ db, account, event }) => {
    const { id: _, ...business } = await getBusiness(db, account.id);
    const stored = {
        ...business,
        vat_number: business.vat_number ?? '',
        email: business.email ?? '',
        phone: business.phone ?? '',
        address_line_1: business.address_line_1 ?? '',
        address_line_2: business.address_line_2 ?? '',
        town: business.town ?? '',
        postcode: business.postcode ?? ''
    };
    return {
        form: await blankForm(BusinessForm, stored, { id: 'business' }),
        saved: event.url.searchParams.has('saved')
    };
});

export const actions = {
    default: protectedAction('account.write', BusinessForm, async ({ db, account, input }) => {
        await updateBusiness(db, account.id, {
            ...input,
            vat_number: normalVatNumber(input.vat_number),
            email: orNull(input.email),
            phone: orNull(input.phone),
            address_line_1: orNull(input.address_line_1),
            address_line_2: orNull(input.address_line_2),
            town: orNull(input.town),
            postcode: orNull(normalPostcode(input.postcode) ?? input.postcode)
        });
        redirect(303, '/more/business?saved=1');
    })
};
