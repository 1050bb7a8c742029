import { redirect } from '@sveltejs/kit';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { normalVatNumber } from '$lib/domain/uk.ts';
import { openAccount, preferAccount } from '$lib/server/accounts.ts';
import { blankForm } from '$lib/server/forms.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { IdempotencyKey } from '$lib/server/ids.ts';
import { joinable } from '$lib/server/domains.ts';
import { invitationToken } from '$lib/server/joining.ts';
import { trades } from './trades.ts';

const Business = z
    .object({
        name: z
            .string()
            .trim()
            .min(1, 'Type the name that stands on your van.')
            .max(120, 'Use at most 120 characters.'),
        trade: z.enum(trades, 'Choose your trade.'),
        // No enum: a form library would take its first value for one that was not chosen.
        vat_registered: z
            .string()
            .default('')
            .refine((answer) => answer === 'yes' || answer === 'no', 'Say whether you are VAT registered.'),
        vat_number: z.string().trim().max(20, 'A VAT number has nine digits.').default(''),
        person_name: z.string().trim().min(1, 'Type your own name.').max(120, 'Use at most 120 characters.'),
        idempotency_key: IdempotencyKey
    })
    .refine(
        ({ vat_registered, vat_number }) =>
            vat_registered !== 'yes' || vat_number === '' || normalVatNumber(vat_number) !== null,
        {
            path: ['vat_number'],
            error: 'Check the VAT number: nine digits, as on your certificate, like GB 123 4567 82.'
        }
    );

export const load = personLoad(async ({ event, db, me, person }) => {
    if (me.accounts.length > 0) redirect(303, '/today');
    // Invited on the way in, by whichever way they signed up.
    const own = event.url.searchParams.has('own');
    if (invitationToken(event.cookies) && !own) redirect(303, '/join');
    // Their colleagues are here already.
    if (!own && (await joinable(db))) redirect(303, '/join/domain');
    const form = await blankForm(Business, { person_name: person.name, idempotency_key: randomUUID() });
    // Nothing is chosen for them.
    return { email: person.email, form: { ...form, data: { ...form.data, trade: '' } } };
});

export const actions = {
    default: personAction(Business, async ({ event, db, input }) => {
        const account = await openAccount(db, {
            name: input.name,
            trade: input.trade,
            vat_registered: input.vat_registered === 'yes',
            vat_number: input.vat_registered === 'yes' ? normalVatNumber(input.vat_number) : null,
            person_name: input.person_name,
            idempotency_key: input.idempotency_key
        });
        preferAccount(event.cookies, account);
        redirect(303, '/today');
    })
};
