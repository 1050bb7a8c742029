import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { blankForm, openAction } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { enterLink, LinkKind } from '$lib/server/sign-in.ts';
import type { PageServerLoad } from './$types';

const Link = z.object({
    token_hash: z.string().regex(/^[\w-]{16,128}\.[\w-]{43}$/, 'This link is not complete. Copy all of it.'),
    type: LinkKind,
    next: z.string().max(2000).default('')
});

/** Shows a button: programs that scan e-mails open every link, and must not use it up. */
export const load: PageServerLoad = async ({ url }) => {
    const link = Link.safeParse(Object.fromEntries(url.searchParams));
    if (!link.success) redirect(303, '/sign-in?problem=sign_in_failed');
    return { kind: link.data.type, form: await blankForm(Link, link.data) };
};

export const actions = {
    default: openAction(Link, async ({ event, input }) => {
        await enterLink(event, input.token_hash, input.type);
        redirect(303, input.type === 'recovery' ? '/reset/password' : nextPath(input.next));
    })
};
