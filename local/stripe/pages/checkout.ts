/** The hosted Checkout page: one payment, by card, once. */
import { html } from 'hono/html';
import type { Context } from 'hono';
import { merchantName } from '../accounts.ts';
import { NO_BILLING } from '../charges.ts';
import { completeSession, successUrl } from '../checkout_sessions.ts';
import { inWords } from '../money.ts';
import { STRIPE_ITSELF } from '../objects.ts';
import { cardMethod, confirmIntent, openIntent } from '../payments.ts';
import { follow } from '../world.ts';
import { readCardForm } from './card_form.ts';
import { ownForm, showMessage, showNothing, showPage } from './layout.ts';
import type { Shown } from '../objects.ts';
import type { Kept } from '../state.ts';
import type { World } from '../world.ts';
import type { CardPayment, FieldName, Problems, Typed } from './card_form.ts';
import type { Html } from './layout.ts';

type Session = Kept<'checkout.session'>;

const TEST_CARDS = [
    ['4242 4242 4242 4242', 'pays'],
    ['4000 0025 0000 3155', 'asks the bank first'],
    ['4000 0000 0000 0002', 'is declined'],
    ['4000 0000 0000 9995', 'has insufficient funds']
] as const;

/** GET /c/pay/:id */
export function showCheckout(world: World, context: Context, id: string): Response | Promise<Response> {
    const kept = world.state.find('checkout.session', id);
    if (!kept) return showNothing(context);
    if (kept.shown.status !== 'open') return showClosed(world, context, kept);
    const failure = lastFailure(world, kept);
    return showForm(world, context, kept, {
        sentence: failure?.message ?? null,
        problems: {},
        typed: failure?.typed ?? { email: '', billingName: '', billingPostalCode: '' }
    });
}

/** POST /c/pay/:id. Submitting twice pays once: the second finds the session paid and goes where the first went. */
export async function payCheckout(world: World, context: Context, id: string): Promise<Response> {
    const form = await ownForm(context);
    const kept = world.state.find('checkout.session', id);
    if (!form || !kept) return showNothing(context);
    if (kept.shown.status === 'complete') return context.redirect(successUrl(kept.shown), 303);
    if (kept.shown.status !== 'open') return showClosed(world, context, kept);
    if (kept.shown.customer_email !== null) form.set('email', kept.shown.customer_email);
    const { payment, problems, typed } = readCardForm(form, world.clock.now());
    if (!payment) {
        return showForm(world, context, kept, {
            sentence: 'Nothing was paid. Check the fields below.',
            problems,
            typed
        });
    }
    return context.redirect(
        world.state.transaction(() => pay(world, kept, payment)),
        303
    );
}

/** Takes the payment; where the browser goes next. */
function pay(world: World, kept: Session, payment: CardPayment): string {
    const { account, shown: session } = kept;
    const method = cardMethod(world, account, payment.card, {
        billing: {
            ...NO_BILLING,
            address: addressOf(payment),
            email: payment.email,
            name: payment.billingName
        },
        expMonth: payment.expMonth,
        expYear: payment.expYear
    });
    const intent = confirmIntent(world, account, intentOf(world, kept), method, STRIPE_ITSELF);
    if (intent.status === 'succeeded') return finishPaid(world, session.id, intent);
    return intent.next_action?.redirect_to_url?.url ?? `/c/pay/${session.id}`;
}

/** The session's intent: made at the first submit, used again after a decline. */
function intentOf(world: World, { account, shown: session, hidden }: Session): Shown<'payment_intent'> {
    if (hidden.intent !== null) return follow(world, 'payment_intent', hidden.intent);
    const intent = openIntent(
        world,
        account,
        {
            ...hidden.plan,
            amount: session.amount_total ?? 0,
            currency: session.currency ?? 'gbp',
            automatic: null
        },
        { session: session.id, returnUrl: null },
        STRIPE_ITSELF
    );
    world.state.save('checkout.session', session, { ...hidden, intent: intent.id });
    return intent;
}

/** Marks the session paid; where the payer goes. */
export function finishPaid(world: World, id: string, intent: Shown<'payment_intent'>): string {
    const kept = world.state.find('checkout.session', id);
    if (!kept) throw new Error(`The state holds no session ${id}.`);
    const { billing_details: billing } = follow(world, 'payment_method', intent.payment_method);
    return successUrl(
        completeSession(world, kept, intent, {
            address: billing.address,
            business_name: null,
            email: billing.email,
            individual_name: null,
            name: billing.name,
            phone: null,
            tax_exempt: 'none',
            tax_ids: []
        })
    );
}

function addressOf(payment: CardPayment) {
    return {
        city: null,
        country: 'GB',
        line1: null,
        line2: null,
        postal_code: payment.billingPostalCode,
        state: null
    };
}

/** What the last try said, and what may be shown again of what was typed then. */
function lastFailure(world: World, { hidden }: Session): { message: string; typed: Typed } | null {
    if (hidden.intent === null) return null;
    const error = follow(world, 'payment_intent', hidden.intent).last_payment_error;
    if (!error) return null;
    const billing = error.payment_method?.billing_details;
    return {
        message: `${error.message ?? 'Your payment failed.'} Nothing was paid; you can try another card.`,
        typed: {
            email: billing?.email ?? '',
            billingName: billing?.name ?? '',
            billingPostalCode: billing?.address?.postal_code ?? ''
        }
    };
}

function showClosed(
    world: World,
    context: Context,
    { account, shown }: Session
): Response | Promise<Response> {
    const merchant = merchantName(follow(world, 'account', account));
    if (shown.status === 'complete') {
        return showMessage(context, {
            title: 'This is already paid',
            text: `Your payment to ${merchant} went through. There is nothing more to do.`,
            way: { to: successUrl(shown), label: `Back to ${merchant}` }
        });
    }
    return showMessage(context, {
        title: 'This payment page has expired',
        text: `Nothing was paid. Go back to ${merchant} to open a new one.`,
        status: 410,
        ...(shown.cancel_url ? { way: { to: shown.cancel_url, label: `Back to ${merchant}` } } : {})
    });
}

type FormState = { sentence: string | null; problems: Problems; typed: Typed };

function showForm(
    world: World,
    context: Context,
    { account, shown: session, hidden }: Session,
    state: FormState
): Response | Promise<Response> {
    const merchant = merchantName(follow(world, 'account', account));
    const currency = session.currency ?? 'gbp';
    const total = inWords(session.amount_total ?? 0, currency);
    return showPage(context, {
        title: `Pay ${merchant}`,
        status: Object.keys(state.problems).length > 0 ? 422 : 200,
        leadsTo: [successUrl(session)],
        main: html`<section class="panel" aria-labelledby="what">
                <h1 id="what">Pay ${merchant}</h1>
                <p class="amount">${total}</p>
                <ul class="lines">
                    ${hidden.lineItems.map(
                        (item) =>
                            html`<li>
                                <span
                                    >${item.description}${(item.quantity ?? 1) > 1 ? ` × ${item.quantity}` : ''}</span
                                >
                                <span>${inWords(item.amount_total, currency)}</span>
                            </li>`
                    )}
                </ul>
                ${session.cancel_url ? html`<p><a href="${session.cancel_url}">Back to ${merchant}</a></p>` : ''}
            </section>
            <section class="panel" aria-labelledby="how">
                <h2 id="how">Pay with card</h2>
                ${state.sentence ? html`<div class="problem" role="alert" tabindex="-1" autofocus><p>${state.sentence}</p></div>` : ''}
                <form method="post" action="/c/pay/${session.id}" novalidate>
                    ${emailField(session.customer_email, state)}
                    ${field('cardNumber', 'Card number', state, {
                        autocomplete: 'cc-number',
                        inputmode: 'numeric',
                        hint: 'For a test: 4242 4242 4242 4242'
                    })}
                    <div class="pair">
                        ${field('cardExpiry', 'Expiry date', state, {
                            autocomplete: 'cc-exp',
                            inputmode: 'numeric',
                            hint: 'MM / YY'
                        })}
                        ${field('cardCvc', 'Security code', state, {
                            autocomplete: 'cc-csc',
                            inputmode: 'numeric',
                            hint: 'CVC'
                        })}
                    </div>
                    ${field('billingName', 'Name on card', state, { autocomplete: 'cc-name' })}
                    ${field('billingPostalCode', 'Postcode', state, { autocomplete: 'billing postal-code' })}
                    <button type="submit">Pay ${total}</button>
                </form>
                <details>
                    <summary>Test cards</summary>
                    <table>
                        <tbody>
                            ${TEST_CARDS.map(
                                ([number, meaning]) =>
                                    html`<tr>
                                        <td>${number}</td>
                                        <td>${meaning}</td>
                                    </tr>`
                            )}
                        </tbody>
                    </table>
                </details>
            </section>`
    });
}

function emailField(given: string | null, state: FormState): Html {
    if (given === null) {
        return field('email', 'Email', state, { autocomplete: 'email', inputmode: 'email' });
    }
    return html`<div class="field">
        <label for="email">Email</label><input id="email" value="${given}" readonly autocomplete="off" />
    </div>`;
}

function field(
    name: FieldName,
    label: string,
    state: FormState,
    traits: { autocomplete: string; inputmode?: string; hint?: string }
): Html {
    const problem = state.problems[name];
    const value = name in state.typed ? state.typed[name as keyof Typed] : '';
    const described = problem ? `${name}-wrong` : traits.hint ? `${name}-hint` : null;
    return html`<div class="field">
        <label for="${name}">${label}</label>
        <input
            id="${name}"
            name="${name}"
            value="${value}"
            autocomplete="${traits.autocomplete}"
            inputmode="${traits.inputmode ?? 'text'}"
            required
            ${described ? html`aria-describedby="${described}"` : ''}
            ${problem ? html`aria-invalid="true"` : ''}
        />
        ${
            problem
                ? html`<p class="wrong" id="${name}-wrong">${problem}</p>`
                : traits.hint
                  ? html`<p class="hint" id="${name}-hint">${traits.hint}</p>`
                  : ''
        }
    </div>`;
}
