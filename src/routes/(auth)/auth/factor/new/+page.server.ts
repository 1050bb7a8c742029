import { fail, redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { demandingAccount, preferNoAccount } from '$lib/server/accounts.ts';
import {
    authenticatorLink,
    beginApp,
    giveCode,
    myFactors,
    noteFactors,
    qrPicture
} from '$lib/server/factors.ts';
import { blankForm, failForm } from '$lib/server/forms.ts';
import { askFresh } from '$lib/server/fresh.ts';
import { halfwayAction, personAction, personLoad } from '$lib/server/guard.ts';
import { asProblem } from '$lib/server/errors.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { appCode, factorName, next } from '../fields.ts';

const Begin = z.object({ name: factorName, next });
/** What was shown comes back with the code, so that a wrong one shows it again. It is on this person's screen anyway. */
const Finish = z.object({
    factor_id: z.uuid(),
    secret: z.string().regex(/^[A-Z2-7]{16,128}$/),
    code: appCode,
    next
});
const Leave = z.object({});

export const load = personLoad(async ({ event: { url, cookies }, me }) => {
    askFresh(me);
    const wanted = nextPath(url.searchParams.get('next'));
    return {
        next: wanted,
        asking: demandingAccount(me, cookies)?.name ?? null,
        mayWorkElsewhere: me.accounts.length > 0,
        recovered: url.searchParams.has('recovered'),
        begin: await blankForm(Begin, { name: 'My phone', next: wanted }, { id: 'begin' }),
        finish: await blankForm(Finish, {}, { id: 'finish' }),
        elsewhere: await blankForm(Leave, {}, { id: 'elsewhere' })
    };
});

const shown = (email: string, id: string, secret: string) => ({
    app: {
        id,
        secret,
        link: authenticatorLink(email, secret),
        picture: qrPicture(authenticatorLink(email, secret))
    }
});

export const actions = {
    begin: personAction(Begin, async ({ event, person, input, form }) => {
        const { id, secret } = await beginApp(event, input.name);
        return { form, ...shown(person.email, id, secret) };
    }),
    finish: halfwayAction(Finish, async ({ event, person, db, input, form }) => {
        try {
            await giveCode(event, input.factor_id, input.code);
        } catch (thrown) {
            const refused = failForm(form, asProblem(thrown), event.locals.requestId);
            const again = shown(person.email, input.factor_id, input.secret);
            return fail(refused.status, { ...refused.data, ...again });
        }
        await noteFactors(db);
        const { recovery_codes_left } = await myFactors(db);
        const wanted = nextPath(input.next);
        redirect(
            303,
            recovery_codes_left > 0
                ? wanted
                : `/auth/factor/codes?${new URLSearchParams({ next: wanted, first: '' })}`
        );
    }),
    elsewhere: personAction(Leave, ({ event }) => {
        preferNoAccount(event.cookies);
        redirect(303, '/today');
    })
};
