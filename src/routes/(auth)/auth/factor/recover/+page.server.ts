import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { useRecoveryCode } from '$lib/server/factors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { halfwayAction, halfwayLoad } from '$lib/server/guard.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { next } from '../fields.ts';

const Recover = z.object({
    code: z
        .string()
        .trim()
        .min(1, 'Type one of your recovery codes.')
        .max(60, 'That is longer than any of them.'),
    next
});

export const load = halfwayLoad(async ({ event: { url } }) => {
    const wanted = nextPath(url.searchParams.get('next'));
    return { next: wanted, form: await blankForm(Recover, { next: wanted }) };
});

export const actions = {
    default: halfwayAction(Recover, async ({ db, input }) => {
        await useRecoveryCode(db, input.code);
        redirect(
            303,
            `/auth/factor/new?${new URLSearchParams({ next: nextPath(input.next), recovered: '' })}`
        );
    })
};
