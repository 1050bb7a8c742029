import { redirect } from '@sveltejs/kit';
import { giveCode, myFactors } from '$lib/server/factors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { halfwayAction, halfwayLoad } from '$lib/server/guard.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { GiveCode } from './fields.ts';

export const load = halfwayLoad(async ({ event: { url }, db }) => {
    const next = nextPath(url.searchParams.get('next'));
    const { factors, recovery_codes_left } = await myFactors(db);
    const apps = factors.filter(({ kind }) => kind === 'totp');
    // Asked by a business of theirs, and nothing to give: they set one up.
    if (factors.length === 0) redirect(303, `/auth/factor/new?${new URLSearchParams({ next })}`);
    return {
        next,
        apps: apps.map(({ id, name }) => ({ value: id, label: name ?? 'Authenticator app' })),
        keyId: factors.find(({ kind }) => kind === 'webauthn')?.id ?? null,
        mayRecover: recovery_codes_left > 0,
        form: await blankForm(GiveCode, { factor_id: apps[0]?.id ?? '', next })
    };
});

export const actions = {
    default: halfwayAction(GiveCode, async ({ event, input }) => {
        await giveCode(event, input.factor_id, input.code);
        redirect(303, nextPath(input.next));
    })
};
