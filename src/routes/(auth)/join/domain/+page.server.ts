import { redirect } from '@sveltejs/kit';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { preferAccount } from '$lib/server/accounts.ts';
import { joinable, joinByDomain } from '$lib/server/domains.ts';
import { words } from '$lib/server/fields.ts';
import { blankForm } from '$lib/server/forms.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { AccountId, IdempotencyKey } from '$lib/server/ids.ts';

const Join = z.object({
    // The business that the page showed, should the domain have changed hands since.
    business: AccountId,
    person_name: words('Type your own name.'),
    idempotency_key: IdempotencyKey
});

export const load = personLoad(async ({ db, person }) => {
    const offer = await joinable(db);
    const form = await blankForm(Join, {
        ...(offer ? { business: offer.account_id } : {}),
        person_name: person.name,
        idempotency_key: randomUUID()
    });
    return { offer, email: person.email, form };
});

export const actions = {
    default: personAction(Join, async ({ event, db, input }) => {
        const { business, ...rest } = input;
        const { joined } = await joinByDomain(db, { account_id: business, ...rest });
        if (!joined) redirect(303, '/join/domain');
        preferAccount(event.cookies, business);
        redirect(303, '/today');
    })
};
