import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { disownSignIn } from '$lib/server/sessions.ts';
import type { PageServerLoad } from './$types';

const Link = z.object({
    token: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'This link is not complete. Copy all of it.')
});

/** Shows a button: programs that scan e-mails open every link, and must not use it up. */
export const load: PageServerLoad = async ({ url }) => {
    const link = Link.safeParse(Object.fromEntries(url.searchParams));
    if (!link.success) redirect(303, '/sign-in?problem=notice_not_valid');
    return { form: await blankForm(Link, link.data) };
};

export const actions = {
    default: openAction(Link, async ({ event, input }) => {
        await disownSignIn(event.locals.db, input.token);
        redirect(303, '/reset?disowned');
    })
};
