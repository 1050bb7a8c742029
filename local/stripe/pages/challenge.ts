/** The page of the payer's bank, which asks whether the payment is really theirs (3-D Secure). */
import { html } from 'hono/html';
import type { Context } from 'hono';
import { merchantName } from '../accounts.ts';
import { sameText } from '../api.ts';
import { successUrl } from '../checkout_sessions.ts';
import { inWords } from '../money.ts';
import { answerChallenge } from '../payments.ts';
import { follow } from '../world.ts';
import { finishPaid } from './checkout.ts';
import { ownForm, showMessage, showNothing, showPage } from './layout.ts';
import type { Kept } from '../state.ts';
import type { World } from '../world.ts';

type Intent = Kept<'payment_intent'>;

function findIntent(world: World, id: string, secret: string): Intent | null {
    const kept = world.state.find('payment_intent', id);
    return kept && sameText(kept.shown.client_secret ?? '', secret) ? kept : null;
}

/** Where the browser goes when the intent no longer waits. */
function onward(world: World, { shown: intent, hidden }: Intent): string | null {
    if (hidden.session !== null) {
        const session = follow(world, 'checkout.session', hidden.session);
        return session.status === 'complete' ? successUrl(session) : `/c/pay/${session.id}`;
    }
    if (hidden.returnUrl === null) return null;
    const url = new URL(hidden.returnUrl);
    url.searchParams.set('payment_intent', intent.id);
    url.searchParams.set('payment_intent_client_secret', intent.client_secret ?? '');
    url.searchParams.set('redirect_status', intent.status === 'succeeded' ? 'succeeded' : 'failed');
    return url.href;
}

/** GET /authenticate/:intent/:secret */
export function showChallenge(
    world: World,
    context: Context,
    id: string,
    secret: string
): Response | Promise<Response> {
    const kept = findIntent(world, id, secret);
    if (!kept) return showNothing(context);
    const { shown: intent, hidden, account } = kept;
    const next = onward(world, kept);
    if (intent.status !== 'requires_action') return answered(context, next);
    const merchant = merchantName(follow(world, 'account', account));
    const session = hidden.session === null ? null : follow(world, 'checkout.session', hidden.session);
    return showPage(context, {
        title: 'Your bank asks',
        leadsTo: [session ? successUrl(session) : hidden.returnUrl],
        main: html`<section class="panel">
            <h1>Is this payment yours?</h1>
            <p>Your bank asks before it pays ${merchant}.</p>
            <p class="amount">${inWords(intent.amount, intent.currency)}</p>
            <form method="post">
                <button name="answer" value="approve">Yes, pay</button>
                <button name="answer" value="refuse" class="quiet">No, refuse it</button>
            </form>
        </section>`
    });
}

/** POST /authenticate/:intent/:secret. A second answer changes nothing. */
export async function takeChallenge(
    world: World,
    context: Context,
    id: string,
    secret: string
): Promise<Response> {
    const form = await ownForm(context);
    if (!form) return showNothing(context);
    const answer = form.get('answer');
    const next = world.state.transaction(() => {
        const kept = findIntent(world, id, secret);
        if (!kept) return undefined;
        const wasWaiting = kept.shown.status === 'requires_action';
        const intent = answerChallenge(world, kept.account, kept.shown, answer === 'approve');
        if (wasWaiting && intent.status === 'succeeded' && kept.hidden.session !== null) {
            return finishPaid(world, kept.hidden.session, intent);
        }
        return onward(world, { ...kept, shown: intent });
    });
    return next === undefined ? showNothing(context) : answered(context, next);
}

function answered(context: Context, next: string | null): Response | Promise<Response> {
    if (next !== null) return context.redirect(next, 303);
    return showMessage(context, {
        title: 'Thank you',
        text: 'Your bank has your answer. You can close this page.'
    });
}
