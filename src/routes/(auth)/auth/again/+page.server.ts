import { redirect } from '@sveltejs/kit';
import { z } from 'zod';
import { domainIn } from '$lib/server/domains.ts';
import { giveCode, myFactors } from '$lib/server/factors.ts';
import { blankForm } from '$lib/server/forms.ts';
import { proveByCode, proveByPasskey, proveByPassword, sendProof } from '$lib/server/fresh.ts';
import { personAction, personLoad } from '$lib/server/guard.ts';
import { credential } from '$lib/server/key-answer.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { giveKey } from '$lib/server/security-keys.ts';
import { CodeForm } from '../../fields.ts';
import { GiveCode, GiveKey } from '../factor/fields.ts';

/** Where to go once it is proved; checked where it is used. */
const next = z.string().max(2000).default('');

const SendForm = z.object({ next });
const CodeProof = CodeForm.extend({ next });
const PasskeyProof = z.object({ challenge_id: z.string().max(100).default(''), credential, next });
const PasswordProof = z.object({ password: z.string().min(1, 'Type your password.').max(256), next });

/** By what, when the person has said so. */
const Way = z.enum(['passkey', 'code', 'password']).nullable().catch(null);

/** To the business's own sign-in, which is to ask who it is, and back to where the proof is needed. */
const ssoWay = (email: string, to: string): string =>
    `/auth/start?${new URLSearchParams({ sso: domainIn(email), next: to, anew: '' })}`;

export const load = personLoad(async ({ event: { url }, person, db }) => {
    const wanted = nextPath(url.searchParams.get('next'));
    const sent = url.searchParams.has('sent');
    const mine = await myFactors(db);
    // A factor goes on in the session that there is. Where a new one is asked for, it is begun first, and then owes the factor.
    const anew = url.searchParams.has('anew');
    const { passkeys } = mine;
    const factors = anew ? [] : mine.factors;
    const apps = factors.filter(({ kind }) => kind === 'totp');
    return {
        // Whoever has a second factor proves themselves by it, and by nothing less.
        apps: apps.map(({ id, name }) => ({ value: id, label: name ?? 'Authenticator app' })),
        keyId: factors.find(({ kind }) => kind === 'webauthn')?.id ?? null,
        key: await blankForm(GiveKey, { next: wanted }, { id: 'key' }),
        factor: await blankForm(GiveCode, { factor_id: apps[0]?.id ?? '', next: wanted }, { id: 'factor' }),
        anew,
        email: person.email,
        sso: person.isManaged ? ssoWay(person.email, wanted) : null,
        next: wanted,
        way: Way.parse(url.searchParams.get('way')) ?? (passkeys.length > 0 && !sent ? 'passkey' : 'code'),
        mayUsePasskey: passkeys.length > 0,
        sent,
        send: await blankForm(SendForm, { next: wanted }, { id: 'send' }),
        code: await blankForm(CodeProof, { next: wanted }, { id: 'code' }),
        password: await blankForm(PasswordProof, { next: wanted }, { id: 'password' }),
        passkey: await blankForm(PasskeyProof, { next: wanted }, { id: 'passkey' })
    };
});

export const actions = {
    factor: personAction(GiveCode, async ({ event, input }) => {
        await giveCode(event, input.factor_id, input.code);
        redirect(303, nextPath(input.next));
    }),
    key: personAction(GiveKey, async ({ event, person, input }) => {
        await giveKey(event, person, input, 'request');
        redirect(303, nextPath(input.next));
    }),
    send: personAction(SendForm, async ({ event, person, input }) => {
        await sendProof(event, person);
        const query = new URLSearchParams({ next: nextPath(input.next), sent: '' });
        if (event.url.searchParams.has('anew')) query.set('anew', '');
        redirect(303, `/auth/again?${query}`);
    }),
    code: personAction(CodeProof, async ({ event, person, input }) => {
        await proveByCode(event, person, input.code);
        redirect(303, nextPath(input.next));
    }),
    passkey: personAction(PasskeyProof, async ({ event, person, input }) => {
        await proveByPasskey(event, person, input.challenge_id, input.credential);
        redirect(303, nextPath(input.next));
    }),
    password: personAction(PasswordProof, async ({ event, person, input }) => {
        await proveByPassword(event, person, input.password);
        redirect(303, nextPath(input.next));
    })
};
