import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { confirmAddress } from '$lib/server/credentials.ts';
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

/** Where each outcome of confirming an address is told. */
const told = {
    half: '/auth/half',
    here: '/more/security?changed=address',
    elsewhere: '/sign-in?changed=address'
} as const;

export const actions = {
    default: openAction(Link, async ({ event, input }) => {
        const { token_hash, type, next } = input;
        if (type === 'email_change') redirect(303, told[await confirmAddress(event, token_hash)]);
        await enterLink(event, token_hash, type);
        redirect(303, type === 'recovery' ? '/reset/password' : nextPath(next));
    })
};
