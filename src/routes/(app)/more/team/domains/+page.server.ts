import { redirect } from '@sveltejs/kit';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { addDomain, domainIn, listDomains } from '$lib/server/domains.ts';
import { blankForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';
import { IdempotencyKey } from '$lib/server/ids.ts';

const Add = z.object({
    domain: z
        .string()
        .max(254, 'That is too long.')
        .refine(
            (typed) => domainIn(typed).includes('.'),
            'Type the part of your addresses after the @, like example.co.uk.'
        ),
    idempotency_key: IdempotencyKey
});

export const load = protectedLoad('members.write', async ({ db, account, me, event }) => {
    const mayChange = account.role.key === 'owner';
    if (mayChange) askFresh(me);
    return {
        domains: await listDomains(db, account.id),
        mayChange,
        removed: event.url.searchParams.has('removed'),
        form: await blankForm(Add, { idempotency_key: randomUUID() })
    };
});

export const actions = {
    default: protectedAction('members.write', Add, async ({ db, account, input }) => {
        const id = await addDomain(db, account.id, { ...input, domain: domainIn(input.domain) });
        redirect(303, `/more/team/domains/${id}`);
    })
};
