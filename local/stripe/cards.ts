/**
 * Stripe's test cards (https://docs.stripe.com/testing). No other number is ever charged, stored or logged: a real
 * card typed into a stand-in must leave nothing behind.
 */
import type { CardBehaviour } from './objects.ts';

export type Decline = Extract<CardBehaviour, { does: 'declines' }>;

export type TestCard = {
    number: string;
    brand: 'visa' | 'mastercard' | 'amex';
    country: string;
    funding: 'credit' | 'debit';
    behaviour: CardBehaviour;
    /** Names under which the API knows it as a ready payment method. */
    names: readonly string[];
};

const PAYS: CardBehaviour = { does: 'pays' };

function declines(code: string, declineCode: string | null, message: string): Decline {
    return { does: 'declines', code, declineCode, message };
}

export const DECLINED = declines('card_declined', 'generic_decline', 'Your card was declined.');

function card(
    number: string,
    behaviour: CardBehaviour,
    names: readonly string[] = [],
    traits: Partial<Pick<TestCard, 'brand' | 'country' | 'funding'>> = {}
): TestCard {
    return { number, behaviour, names, brand: 'visa', country: 'US', funding: 'credit', ...traits };
}

const CARDS: readonly TestCard[] = [
    card('4242424242424242', PAYS, ['pm_card_visa']),
    card('4000056655665556', PAYS, ['pm_card_visa_debit'], { funding: 'debit' }),
    card('4000008260000000', PAYS, ['pm_card_gb'], { country: 'GB' }),
    card('5555555555554444', PAYS, ['pm_card_mastercard'], { brand: 'mastercard' }),
    card('378282246310005', PAYS, ['pm_card_amex'], { brand: 'amex' }),
    card('4000000000000002', DECLINED, ['pm_card_chargeDeclined', 'pm_card_visa_chargeDeclined']),
    card(
        '4000000000009995',
        declines('card_declined', 'insufficient_funds', 'Your card has insufficient funds.'),
        ['pm_card_chargeDeclinedInsufficientFunds', 'pm_card_visa_chargeDeclinedInsufficientFunds']
    ),
    card('4000000000009987', declines('card_declined', 'lost_card', 'Your card was declined.'), [
        'pm_card_chargeDeclinedLostCard',
        'pm_card_visa_chargeDeclinedLostCard'
    ]),
    card('4000000000000069', declines('expired_card', null, 'Your card has expired.'), [
        'pm_card_chargeDeclinedExpiredCard'
    ]),
    card('4000000000000127', declines('incorrect_cvc', null, "Your card's security code is incorrect."), [
        'pm_card_chargeDeclinedIncorrectCvc'
    ]),
    card(
        '4000000000000119',
        declines(
            'processing_error',
            null,
            'An error occurred while processing your card. Try again in a little bit.'
        ),
        ['pm_card_chargeDeclinedProcessingError']
    ),
    card('4000002500003155', { does: 'challenges', then: 'pays' }, ['pm_card_authenticationRequiredOnSetup']),
    card('4000002760003184', { does: 'challenges', then: 'pays' }, ['pm_card_authenticationRequired']),
    card('4000008400001629', { does: 'challenges', then: 'declines' }, [
        'pm_card_authenticationRequiredChargeDeclinedInsufficientFunds'
    ])
];

/** The test card with this number (digits only). */
export function cardByNumber(number: string): TestCard | undefined {
    return CARDS.find((card) => card.number === number);
}

/** The test card behind a ready payment method such as `pm_card_visa`. */
export function cardByName(name: string): TestCard | undefined {
    return CARDS.find((card) => card.names.includes(name));
}

/** True when the last digit fits the others (ISO/IEC 7812-1, annex B). */
export function hasCheckDigit(number: string): boolean {
    const sum = [...number].reverse().reduce((total, digit, place) => {
        const value = Number(digit) * (place % 2 === 1 ? 2 : 1);
        return total + (value > 9 ? value - 9 : value);
    }, 0);
    return /^\d{12,19}$/.test(number) && sum % 10 === 0;
}
