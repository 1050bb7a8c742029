// Money on a connected account, through the hosted pages. Stripe's own pages ask for a person, so these run against
// the stand-in only: with CONTRACT_STRIPE_SECRET_KEY they are skipped.
import { readFileSync } from 'node:fs';
import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CARDS, onboardAt, payAt, startStandIn, submit, type StandIn } from './stripe_stand_in.ts';

const links = {
    type: 'account_onboarding',
    refresh_url: 'https://app.example.com/again',
    return_url: 'https://app.example.com/back'
} as const;

let standIn: StandIn;
let stripe: Stripe;
let trader: string;

async function openAccount(name: string): Promise<string> {
    const account = await stripe.accounts.create({
        type: 'express',
        country: 'GB',
        email: 'owner@example.com',
        business_profile: { name },
        capabilities: { card_payments: { requested: true }, transfers: { requested: true } }
    });
    return account.id;
}

async function openTrader(name: string): Promise<string> {
    const account = await openAccount(name);
    const { url } = await stripe.accountLinks.create({ account, ...links });
    await onboardAt(url, 'complete');
    return account;
}

/** A session of £120.00 on a trader's account. */
function openSession(
    change: Partial<Stripe.Checkout.SessionCreateParams> = {},
    account = trader
): Promise<Stripe.Checkout.Session & { url: string }> {
    return stripe.checkout.sessions.create(
        {
            mode: 'payment',
            success_url: 'https://app.example.com/paid?session={CHECKOUT_SESSION_ID}',
            cancel_url: 'https://app.example.com/invoice',
            line_items: [
                {
                    quantity: 1,
                    price_data: {
                        currency: 'gbp',
                        unit_amount: 12_000,
                        product_data: { name: 'Invoice <INV-0042>' }
                    }
                }
            ],
            payment_intent_data: { metadata: { invoice: 'INV-0042' } },
            ...change
        },
        { stripeAccount: account }
    ) as Promise<Stripe.Checkout.Session & { url: string }>;
}

const on = (account: string) => ({ stripeAccount: account });

/** Types of an account's events, oldest first, without those of its onboarding. */
async function story(account: string): Promise<string[]> {
    const { data } = await stripe.events.list({ limit: 100 }, on(account));
    return data
        .map(({ type }) => type as string)
        .filter((type) => type !== 'account.updated')
        .reverse();
}

describe.skipIf(process.env.CONTRACT_STRIPE_SECRET_KEY)('on the hosted pages', () => {
    beforeAll(async () => {
        standIn = await startStandIn();
        stripe = standIn.client();
        trader = await openTrader('Bell Lane Electrical');
    });
    afterAll(() => standIn.stop());

    describe('onboarding', () => {
        it('opens charges and payouts, and tells the platform at each step', async () => {
            const id = await openTrader('Complete & Co');
            expect(await stripe.accounts.retrieve(id)).toMatchObject({
                charges_enabled: true,
                payouts_enabled: true,
                details_submitted: true,
                capabilities: { card_payments: 'active', transfers: 'active' },
                requirements: { currently_due: [], disabled_reason: null }
            });
            const { data } = await stripe.events.list({ type: 'account.updated' }, on(id));
            expect(
                data.map(({ account, data: { object, previous_attributes } }) => ({
                    account,
                    charges: (object as Stripe.Account).charges_enabled,
                    payouts: (object as Stripe.Account).payouts_enabled,
                    changed: Object.keys(previous_attributes ?? {})
                }))
            ).toMatchObject([
                { account: id, charges: true, payouts: true, changed: ['payouts_enabled'] },
                { account: id, charges: true, payouts: false },
                { account: id, charges: false, payouts: false }
            ]);
        });

        it('left unfinished leads back and changes nothing', async () => {
            const account = await openAccount('Halfway');
            const { url } = await stripe.accountLinks.create({ account, ...links });
            expect(await onboardAt(url, 'unfinished')).toBe(links.return_url);
            expect(await stripe.accounts.retrieve(account)).toMatchObject({
                charges_enabled: false,
                details_submitted: false
            });
        });

        it('that needs more says what, and takes no charges', async () => {
            const account = await openAccount('More');
            const { url } = await stripe.accountLinks.create({ account, ...links });
            expect(await onboardAt(url, 'more_information')).toBe(links.return_url);
            const found = await stripe.accounts.retrieve(account);
            expect(found).toMatchObject({ details_submitted: true, charges_enabled: false });
            expect(found.requirements?.currently_due).toEqual(['individual.verification.document']);
            await expect(openSession({}, account)).rejects.toThrow(/payment method types/);
        });

        it('links work once and not for long, and then lead to the refresh address', async () => {
            const account = await openAccount('Once');
            const used = await stripe.accountLinks.create({ account, ...links });
            const open = () => fetch(used.url, { redirect: 'manual' });
            expect((await open()).headers.get('location')).toMatch(/^\/onboarding\//);
            expect((await open()).headers.get('location')).toBe(links.refresh_url);
            const late = await stripe.accountLinks.create({ account, ...links });
            standIn.clock.advance(301);
            const answer = await fetch(late.url, { redirect: 'manual' });
            expect(answer.headers.get('location')).toBe(links.refresh_url);
        });

        it('shows the business by name', async () => {
            const account = await openAccount('O’Hara & Sons <Roofing>');
            const { url } = await stripe.accountLinks.create({ account, ...links });
            const page = await (await fetch(url)).text();
            expect(page).toContain('O’Hara &amp; Sons &lt;Roofing&gt;');
            expect(page).toContain('Stand-in for Stripe');
        });
    });

    describe('paying', () => {
        it('makes a direct charge on the trader’s account, and tells it in Stripe’s order', async () => {
            const account = await openTrader('Paid & Sons');
            const session = await openSession(
                {
                    payment_intent_data: {
                        metadata: { invoice: 'INV-0042' },
                        application_fee_amount: 150,
                        receipt_email: 'payer@example.com'
                    }
                },
                account
            );
            const { status, to } = await payAt(session.url, CARDS.pays);
            expect({ status, to }).toEqual({
                status: 303,
                to: `https://app.example.com/paid?session=${session.id}`
            });
            const paid = await stripe.checkout.sessions.retrieve(
                session.id,
                { expand: ['payment_intent.latest_charge'] },
                on(account)
            );
            expect(paid).toMatchObject({
                status: 'complete',
                payment_status: 'paid',
                url: null,
                customer_details: { email: 'payer@example.com', name: 'Jo Payer' },
                payment_intent: {
                    status: 'succeeded',
                    amount_received: 12_000,
                    application_fee_amount: 150,
                    receipt_email: 'payer@example.com',
                    metadata: { invoice: 'INV-0042' },
                    latest_charge: {
                        paid: true,
                        balance_transaction: null,
                        metadata: { invoice: 'INV-0042' },
                        billing_details: { address: { postal_code: 'AB1 2CD' } },
                        payment_method_details: { card: { last4: '4242', exp_month: 12, exp_year: 2034 } }
                    }
                }
            });
            standIn.clock.advance(3);
            expect(await story(account)).toEqual([
                'payment_intent.created',
                'charge.succeeded',
                'payment_intent.succeeded',
                'checkout.session.completed',
                'charge.updated'
            ]);
            const [charge] = (
                await stripe.charges.list({ expand: ['data.balance_transaction'] }, on(account))
            ).data;
            expect(charge?.balance_transaction).toMatchObject({ amount: 12_000, fee: 350, net: 11_650 });
            const [fee] = (await stripe.applicationFees.list({ charge: charge?.id })).data;
            expect(fee).toMatchObject({ account, amount: 150, charge: charge?.id });
            const receipt = await fetch(charge?.receipt_url ?? '');
            expect(await receipt.text()).toContain('Paid &amp; Sons');
        });

        it('is seen by nobody but the trader’s account', async () => {
            const session = await openSession();
            await payAt(session.url, CARDS.pays);
            const { payment_intent: intent } = await stripe.checkout.sessions.retrieve(
                session.id,
                {},
                on(trader)
            );
            const stranger = await openTrader('Stranger');
            for (const options of [{}, on(stranger)]) {
                await expect(
                    stripe.checkout.sessions.retrieve(session.id, {}, options)
                ).rejects.toMatchObject({
                    code: 'resource_missing'
                });
                await expect(
                    stripe.refunds.create({ payment_intent: String(intent) }, options)
                ).rejects.toMatchObject({ code: 'resource_missing' });
            }
            expect((await stripe.charges.list({}, on(stranger))).data).toEqual([]);
        });

        it('with a declined card says so, stays open, and takes the next card', async () => {
            const account = await openTrader('Second Try');
            const session = await openSession({}, account);
            const first = await payAt(session.url, CARDS.declined, { billingName: 'Jo & Co' });
            expect(first.to).toBe(session.url);
            const page = await (await fetch(session.url)).text();
            expect(page).toContain('Your card was declined.');
            expect(page).toContain('value="Jo &amp; Co"');
            expect(page).not.toContain('4000000000000002');
            expect(await stripe.checkout.sessions.retrieve(session.id, {}, on(account))).toMatchObject({
                status: 'open',
                payment_status: 'unpaid',
                payment_intent: null
            });
            await payAt(session.url, CARDS.noFunds);
            expect(await (await fetch(session.url)).text()).toContain('insufficient funds');
            expect((await payAt(session.url, CARDS.pays)).to).toContain('https://app.example.com/paid');
            expect(await story(account)).toEqual([
                'payment_intent.created',
                'charge.failed',
                'payment_intent.payment_failed',
                'charge.failed',
                'payment_intent.payment_failed',
                'charge.succeeded',
                'payment_intent.succeeded',
                'checkout.session.completed'
            ]);
        });

        it('asks the bank where the card demands it, and takes a no for an answer', async () => {
            const session = await openSession();
            const asked = await payAt(session.url, CARDS.challenged);
            expect(asked.to).toMatch(/\/authenticate\/pi_/);
            const refused = await submit(asked.to ?? '', { answer: 'refuse' });
            expect(refused.to).toBe(session.url);
            expect(await (await fetch(session.url)).text()).toContain('could not confirm');
            const again = await payAt(session.url, CARDS.challenged);
            const approved = await submit(again.to ?? '', { answer: 'approve' });
            expect(approved.to).toBe(`https://app.example.com/paid?session=${session.id}`);
            expect(await submit(again.to ?? '', { answer: 'refuse' })).toMatchObject({ to: approved.to });
            expect(await stripe.checkout.sessions.retrieve(session.id, {}, on(trader))).toMatchObject({
                payment_status: 'paid'
            });
        });

        it('twice, or ten times at once, charges once', async () => {
            const account = await openTrader('Double Click');
            const session = await openSession({}, account);
            const answers = await Promise.all(
                Array.from({ length: 10 }, () => payAt(session.url, CARDS.pays))
            );
            expect(new Set(answers.map(({ to }) => to)).size).toBe(1);
            expect((await stripe.charges.list({}, on(account))).data).toHaveLength(1);
            expect(await (await fetch(session.url)).text()).toContain('already paid');
        });

        it('with fields left wrong says which, and charges nothing', async () => {
            const session = await openSession({ customer_email: 'known@example.com' });
            const { status, page } = await payAt(session.url, '4242 4242 4242 4241', {
                cardExpiry: '01 / 20',
                cardCvc: '',
                billingName: ''
            });
            expect(status).toBe(422);
            for (const sentence of [
                'card number is not valid',
                'in the past',
                'security code',
                'name on the card'
            ]) {
                expect(page).toContain(sentence);
            }
            expect(page).toContain('known@example.com');
        });

        it('refuses a card that is no test card, and keeps nothing of it', async () => {
            const session = await openSession();
            const real = '4929 1234 5678 9015'.replaceAll(' ', '');
            const { status, page } = await payAt(session.url, `${real.slice(0, -1)}${checkDigit(real)}`);
            expect(status).toBe(422);
            expect(page).toContain('not a test card');
            expect(page).not.toContain('492912345678');
            await payAt(session.url, CARDS.pays);
            const files = ['', '-wal']
                .map((end) => readFileSync(`${standIn.stateFile}${end}`, 'latin1'))
                .join('');
            expect(files).not.toContain('492912345678');
            expect(files).not.toContain('4242424242424242');
            expect(files).toContain('"last4":"4242"');
        });

        it('is refused from a form of another site', async () => {
            const session = await openSession();
            const response = await fetch(session.url, {
                method: 'POST',
                redirect: 'manual',
                headers: { origin: 'https://elsewhere.example.com' },
                body: new URLSearchParams({ cardNumber: CARDS.pays })
            });
            expect(response.status).toBe(404);
        });

        it('shows merchant and amount under a policy without scripts, and may lead on to the merchant only', async () => {
            const session = await openSession();
            const response = await fetch(session.url);
            const page = await response.text();
            for (const words of [
                'Bell Lane Electrical',
                '£120.00',
                'Invoice &lt;INV-0042&gt;',
                'Stand-in for Stripe'
            ]) {
                expect(page).toContain(words);
            }
            expect(page).toContain('href="https://app.example.com/invoice"');
            expect(page).not.toMatch(/<script|style="/);
            const policy = response.headers.get('content-security-policy');
            expect(policy).toContain("default-src 'none'");
            expect(policy).toContain("form-action 'self' https://app.example.com");
            expect(policy).not.toContain('unsafe');
        });

        it('is over when the session expires', async () => {
            const account = await openTrader('Too Late');
            const soon = Math.floor(standIn.clock.now().getTime() / 1000) + 1801;
            const session = await openSession({ expires_at: soon }, account);
            await payAt(session.url, CARDS.declined);
            standIn.clock.advance(1802);
            expect(await stripe.checkout.sessions.retrieve(session.id, {}, on(account))).toMatchObject({
                status: 'expired',
                url: null
            });
            expect((await payAt(session.url, CARDS.pays)).status).toBe(410);
            expect((await story(account)).slice(-2)).toEqual([
                'payment_intent.canceled',
                'checkout.session.expired'
            ]);
        });
    });

    it('a refund of a direct charge gives the platform’s share back when asked', async () => {
        const account = await openTrader('Refunder');
        const session = await openSession({ payment_intent_data: { application_fee_amount: 300 } }, account);
        await payAt(session.url, CARDS.pays);
        const { payment_intent: intent } = await stripe.checkout.sessions.retrieve(
            session.id,
            {},
            on(account)
        );
        await stripe.refunds.create(
            { payment_intent: String(intent), amount: 4_000, refund_application_fee: true },
            on(account)
        );
        expect((await story(account)).slice(-5)).toEqual([
            'charge.updated',
            'refund.created',
            'charge.refunded',
            'refund.updated',
            'charge.refund.updated'
        ]);
        const { latest_charge: charge } = await stripe.paymentIntents.retrieve(
            String(intent),
            {},
            on(account)
        );
        const [fee] = (await stripe.applicationFees.list({ charge: String(charge) })).data;
        expect(fee).toMatchObject({ amount: 300, amount_refunded: 100, refunded: false });
    });

    it('the request log shows on whose account each request acted', async () => {
        const account = await openTrader('Logged');
        const session = await openSession({}, account);
        const { requests } = await standIn.control<{ requests: object[] }>(
            'GET',
            `/requests?stripe_account=${account}`
        );
        expect(session.status).toBe('open');
        expect(requests).toMatchObject([
            {
                method: 'POST',
                path: '/v1/checkout/sessions',
                stripe_account: account,
                status: 200,
                idempotency_key: expect.stringMatching(/./)
            }
        ]);
        const open = await fetch(`${standIn.baseUrl}/_stand_in/requests`);
        expect(open.status).toBe(401);
    });
});

/** The last digit that makes a number pass the check of card numbers. */
function checkDigit(number: string): number {
    const sum = [...number.slice(0, -1)].reverse().reduce((total, digit, place) => {
        const value = Number(digit) * (place % 2 === 0 ? 2 : 1);
        return total + (value > 9 ? value - 9 : value);
    }, 0);
    return (10 - (sum % 10)) % 10;
}
