/** Opening a Checkout session: what may be asked for, what is refused, and what every session has. */
import type Stripe from 'stripe';
import type { z } from 'zod';
import { faults } from './errors.ts';
import { inWords } from './money.ts';
import { newId } from './objects.ts';
import * as take from './parameters.ts';
import { later, seconds } from './world.ts';
import type { PaymentPlan, Shown } from './objects.ts';
import type { Call } from './routes.ts';
import type { World } from './world.ts';

type Session = Shown<'checkout.session'>;

const DAY = 24 * 60 * 60;
const SHORTEST = 30 * 60;

const productData = take.group({
    name: take.text(),
    description: take.text().optional(),
    metadata: take.metadata().optional()
});

const priceData = take.group({
    currency: take.currency(),
    product_data: productData,
    tax_behavior: take.oneOf(['exclusive', 'inclusive', 'unspecified']).optional(),
    unit_amount: take.integer(0, take.LARGEST_CHARGE)
});

const lineItem = take.group({
    metadata: take.metadata().optional(),
    price_data: priceData,
    quantity: take.integer(1, 999_999)
});

const paymentIntentData = take.group({
    application_fee_amount: take.integer(1).optional(),
    description: take.text(1000).optional(),
    metadata: take.metadata().optional(),
    receipt_email: take.email().optional(),
    statement_descriptor: take.text(22).optional(),
    statement_descriptor_suffix: take.text(22).optional()
});

/** The parameters of POST /v1/checkout/sessions that payment mode on a hosted page needs. */
export const opening = take.parameters({
    allowed_payment_method_types: take.list(take.oneOf(['card'])).optional(),
    billing_address_collection: take.oneOf(['auto', 'required']).optional(),
    cancel_url: take.address().optional(),
    client_reference_id: take.text(200).optional(),
    currency: take.currency().optional(),
    customer_creation: take.oneOf(['if_required']).optional(),
    customer_email: take.email().optional(),
    expires_at: take.integer(0).optional(),
    line_items: take.list(lineItem),
    locale: take.oneOf(['auto', 'en', 'en-GB']).optional(),
    metadata: take.metadata().optional(),
    mode: take.oneOf(['payment']),
    origin_context: take.oneOf(['mobile_app', 'web']).optional(),
    payment_intent_data: paymentIntentData.optional(),
    submit_type: take.oneOf(['auto', 'book', 'donate', 'pay']).optional(),
    success_url: take.address(),
    ui_mode: take.oneOf(['hosted_page']).optional()
});

type Opening = z.output<typeof opening>;

/** An open session for what the caller asked, on the account the caller acts on. */
export function openSession(world: World, call: Call, input: Opening): Session {
    const now = seconds(world);
    const currency = input.currency ?? input.line_items[0]?.price_data.currency ?? 'gbp';
    const total = totalOf(input.line_items, currency);
    const plan = planOf(world, call, input, total);
    const account = world.state.find('account', call.account)?.shown;
    if (!account?.charges_enabled) {
        throw faults.refused(
            'No valid payment method types for this Checkout Session: the account cannot take payments yet.'
        );
    }
    const id = newId('cs_test_a1', 58);
    const session: Session = {
        ...blankSession(id),
        allowed_payment_method_types: input.allowed_payment_method_types ?? null,
        amount_subtotal: total,
        amount_total: total,
        billing_address_collection: input.billing_address_collection ?? null,
        cancel_url: input.cancel_url ?? null,
        client_reference_id: input.client_reference_id ?? null,
        created: now,
        currency,
        customer_email: input.customer_email ?? null,
        expires_at: expiryOf(input.expires_at, now),
        locale: input.locale ?? null,
        metadata: take.mergedMetadata({}, input.metadata),
        origin_context: input.origin_context ?? null,
        submit_type: input.submit_type ?? null,
        success_url: input.success_url,
        url: `${world.publicUrl}/c/pay/${id}`
    };
    world.state.insert('checkout.session', call.account, session, {
        plan,
        intent: null,
        lineItems: input.line_items.map((item) => shownItem(item, now))
    });
    later(world, session.expires_at, 'expire_session', id);
    return session;
}

function totalOf(items: Opening['line_items'], currency: string): number {
    items.forEach((item, index) => {
        if (item.price_data.currency !== currency) {
            throw faults.invalidParameter(
                `line_items[${index}][price_data][currency]`,
                `The prices of a Checkout Session must share one currency: ${item.price_data.currency} is not ${currency}.`
            );
        }
    });
    const total = items.reduce((sum, item) => sum + item.price_data.unit_amount * item.quantity, 0);
    const least = take.SMALLEST_CHARGE[currency] ?? 0;
    if (items.length === 0) throw faults.missingParameter('line_items');
    if (total < least) {
        throw faults.refused(`A Checkout Session must come to at least ${inWords(least, currency)}.`, {
            code: 'amount_too_small'
        });
    }
    if (total > take.LARGEST_CHARGE) {
        throw faults.refused(
            `A Checkout Session must come to no more than ${inWords(take.LARGEST_CHARGE, currency)}.`,
            { code: 'amount_too_large' }
        );
    }
    return total;
}

function planOf(world: World, call: Call, input: Opening, total: number): PaymentPlan {
    const given = input.payment_intent_data;
    const fee = given?.application_fee_amount ?? null;
    if (fee !== null)
        assertFee(world, call.account, fee, total, 'payment_intent_data[application_fee_amount]');
    return {
        metadata: take.mergedMetadata({}, given?.metadata),
        description: given?.description ?? null,
        application_fee_amount: fee,
        receipt_email: given?.receipt_email ?? null,
        statement_descriptor: given?.statement_descriptor ?? null,
        statement_descriptor_suffix: given?.statement_descriptor_suffix ?? null
    };
}

/**
 * A platform's fee exists on direct charges only, and never exceeds what is paid.
 * @throws StripeFault 400
 */
export function assertFee(world: World, account: string, fee: number, total: number, param: string): void {
    if (account === world.platform) {
        throw faults.refused(
            'An application_fee_amount is for payments on a connected account: name it in the Stripe-Account header.',
            { param }
        );
    }
    if (fee > total) {
        throw faults.refused('The application_fee_amount must be no more than the amount paid.', { param });
    }
}

function expiryOf(given: number | undefined, now: number): number {
    if (given === undefined) return now + DAY;
    if (given < now + SHORTEST) {
        throw faults.refused(
            '`expires_at` must be at least 30 minutes after the Checkout Session is created.',
            { param: 'expires_at' }
        );
    }
    if (given > now + DAY) {
        throw faults.refused('`expires_at` must be at most 24 hours after the Checkout Session is created.', {
            param: 'expires_at'
        });
    }
    return given;
}

function shownItem(item: Opening['line_items'][number], now: number): Stripe.LineItem {
    const { price_data: price, quantity } = item;
    const amount = price.unit_amount * quantity;
    return {
        id: newId('li_1', 23),
        object: 'item',
        adjustable_quantity: null,
        amount_discount: 0,
        amount_subtotal: amount,
        amount_tax: 0,
        amount_total: amount,
        currency: price.currency,
        description: price.product_data.name,
        metadata: take.mergedMetadata({}, item.metadata),
        price: {
            id: newId('price_1', 23),
            object: 'price',
            active: false,
            billing_scheme: 'per_unit',
            created: now,
            currency: price.currency,
            custom_unit_amount: null,
            livemode: false,
            lookup_key: null,
            metadata: {},
            nickname: null,
            product: newId('prod_', 14),
            recurring: null,
            tax_behavior: price.tax_behavior ?? 'unspecified',
            tiers_mode: null,
            transform_quantity: null,
            type: 'one_time',
            unit_amount: price.unit_amount,
            // A decimal travels as a string; only the client makes an object of it.
            unit_amount_decimal: String(price.unit_amount) as unknown as Stripe.Decimal
        },
        quantity
    };
}

/** Every field of a session as it is before anybody has asked for anything. */
function blankSession(id: string): Session {
    return {
        id,
        object: 'checkout.session',
        adaptive_pricing: { enabled: false },
        after_expiration: null,
        allow_promotion_codes: null,
        allowed_payment_method_types: null,
        amount_subtotal: null,
        amount_total: null,
        automatic_tax: { enabled: false, liability: null, provider: null, status: null },
        billing_address_collection: null,
        cancel_url: null,
        client_reference_id: null,
        client_secret: null,
        collected_information: null,
        consent: null,
        consent_collection: null,
        created: 0,
        currency: null,
        currency_conversion: null,
        custom_fields: [],
        custom_text: {
            after_submit: null,
            shipping_address: null,
            submit: null,
            terms_of_service_acceptance: null
        },
        customer: null,
        customer_account: null,
        customer_creation: 'if_required',
        customer_details: null,
        customer_email: null,
        discounts: [],
        expires_at: 0,
        integration_identifier: null,
        invoice: null,
        invoice_creation: {
            enabled: false,
            invoice_data: {
                account_tax_ids: null,
                custom_fields: null,
                description: null,
                footer: null,
                issuer: null,
                metadata: {},
                rendering_options: null
            }
        },
        livemode: false,
        locale: null,
        managed_payments: null,
        metadata: {},
        mode: 'payment',
        origin_context: null,
        payment_intent: null,
        payment_link: null,
        payment_method_collection: 'if_required',
        payment_method_configuration_details: null,
        payment_method_options: { card: { request_three_d_secure: 'automatic' } },
        payment_method_types: ['card'],
        payment_status: 'unpaid',
        permissions: null,
        phone_number_collection: { enabled: false },
        recovered_from: null,
        saved_payment_method_options: null,
        setup_intent: null,
        shipping_address_collection: null,
        shipping_cost: null,
        shipping_options: [],
        status: 'open',
        submit_type: null,
        subscription: null,
        success_url: null,
        total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
        ui_mode: 'hosted_page',
        url: null,
        wallet_options: null
    };
}
