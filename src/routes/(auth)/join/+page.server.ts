import { redirect } from '@sveltejs/kit';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { preferAccount } from '$lib/server/accounts.ts';
import { Problem, problem } from '$lib/server/errors.ts';
import { words } from '$lib/server/fields.ts';
import { blankForm, noted } from '$lib/server/forms.ts';
import { personAction, refuse } from '$lib/server/guard.ts';
import { IdempotencyKey } from '$lib/server/ids.ts';
import {
    acceptInvitation,
    dropInvitation,
    invitationToken,
    readInvitation,
    type OpenInvitation
} from '$lib/server/joining.ts';
import type { PageServerLoad } from './$types';

const Join = z.object({ person_name: words('Type your own name.'), idempotency_key: IdempotencyKey });

type Visit = Parameters<PageServerLoad>[0];

/** The invitation that was opened in this browser, or null when there is none that is still good. */
async function openInvitation(event: Visit): Promise<OpenInvitation | null> {
    const token = invitationToken(event.cookies);
    if (token === null) return null;
    try {
        return await readInvitation(event.locals.db, token);
    } catch (thrown) {
        if (!(thrown instanceof Problem) || thrown.code !== 'link_not_valid')
            refuse(event, noted(event, thrown));
        dropInvitation(event.cookies);
        return null;
    }
}

export const load: PageServerLoad = async (event) => {
    const { standing } = event.locals;
    const invitation = await openInvitation(event);
    const person = standing.state === 'person' ? standing.person : null;
    return {
        invitation,
        email: person?.email ?? null,
        isTheirs: person?.email.toLowerCase() === invitation?.email,
        form: await blankForm(Join, { person_name: person?.name ?? '', idempotency_key: randomUUID() })
    };
};

export const actions = {
    default: personAction(Join, async ({ event, db, input }) => {
        const token = invitationToken(event.cookies);
        if (token === null) throw problem('link_not_valid');
        const account = await acceptInvitation(db, { token, ...input });
        dropInvitation(event.cookies);
        preferAccount(event.cookies, account);
        redirect(303, '/today');
    })
};
