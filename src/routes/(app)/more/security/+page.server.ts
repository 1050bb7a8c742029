import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { myFactors, noteFactors, removeFactor } from '$lib/server/factors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { endSession, mySessions, mySignIns } from '$lib/server/sessions.ts';
import { signOut, signOutOthers } from '$lib/server/sign-in.ts';

const Press = z.object({});
const One = z.object({ session_id: z.uuid() });
const OneFactor = z.object({ factor_id: z.uuid() });

/** What has just been done, as the address tells it after a form. */
const Done = z.enum(['one', 'none', 'others', 'factor']).nullable().catch(null);
const Changed = z
    .enum(['address', 'password', 'no_password', 'passkey_added', 'passkey_named', 'passkey_removed'])
    .nullable()
    .catch(null);

const latest = 5;

export const load = personLoad(async ({ event, person, db }) => {
    const [sessions, { signIns }, second] = await Promise.all([
        mySessions(db),
        mySignIns(db, latest),
        myFactors(db)
    ]);
    return {
        email: person.email,
        signedInAt: new Date(person.provedAt * 1000).toISOString(),
        sessions,
        signIns,
        second,
        done: Done.parse(event.url.searchParams.get('ended')),
        changed: Changed.parse(event.url.searchParams.get('changed')),
        here: await blankForm(Press, {}, { id: 'here' }),
        others: await blankForm(Press, {}, { id: 'others' }),
        everywhere: await blankForm(Press, {}, { id: 'everywhere' })
    };
});

export const actions = {
    one: personAction(One, async ({ db, input }) => {
        const ended = await endSession(db, input.session_id);
        redirect(303, `/more/security?ended=${ended ? 'one' : 'none'}`);
    }),
    factor: personAction(OneFactor, async ({ event, db, input }) => {
        await removeFactor(event, input.factor_id);
        await noteFactors(db);
        redirect(303, '/more/security?ended=factor');
    }),
    others: personAction(Press, async ({ event }) => {
        await signOutOthers(event);
        redirect(303, '/more/security?ended=others');
    }),
    here: personAction(Press, async ({ event }) => {
        await signOut(event, 'local');
        redirect(303, '/sign-in?out=local');
    }),
    everywhere: personAction(Press, async ({ event }) => {
        await signOut(event, 'global');
        redirect(303, '/sign-in?out=global');
    })
};
