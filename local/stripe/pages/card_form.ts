/**
 * What a payer types on the Checkout page, checked field by field. The card number lives in here and in the charge
 * of a test card, and nowhere else: it is never stored, logged or sent back.
 */
import { cardByNumber, hasCheckDigit } from '../cards.ts';
import { looksLikeEmail } from '../parameters.ts';
import type { TestCard } from '../cards.ts';

export type FieldName =
    'email' | 'cardNumber' | 'cardExpiry' | 'cardCvc' | 'billingName' | 'billingPostalCode';
export type Problems = Partial<Record<FieldName, string>>;

/** What may be shown again after a problem: never the card. */
export type Typed = { email: string; billingName: string; billingPostalCode: string };

export type CardPayment = Typed & { card: TestCard; expMonth: number; expYear: number };

type Reading = { payment: CardPayment; problems: null } | { payment: null; problems: Problems };

/** What was typed, ready to charge, or what is wrong with each field. */
export function readCardForm(form: FormData, today: Date): Reading & { typed: Typed } {
    const field = (name: FieldName) => {
        const value = form.get(name);
        return typeof value === 'string' ? value.trim() : '';
    };
    const typed: Typed = {
        email: field('email').slice(0, 512),
        billingName: field('billingName').slice(0, 200),
        billingPostalCode: field('billingPostalCode').slice(0, 20)
    };
    const digits = field('cardNumber').replace(/[\s-]/g, '');
    const card = cardByNumber(digits);
    const expiry = readExpiry(field('cardExpiry'));
    const problems: Problems = {
        ...(looksLikeEmail(typed.email) ? {} : { email: 'Enter an email address, like name@example.com.' }),
        ...(card ? {} : { cardNumber: numberProblem(digits) }),
        ...expiryProblem(expiry, today),
        ...(isSecurityCode(field('cardCvc'), card) ? {} : { cardCvc: "Enter your card's security code." }),
        ...(typed.billingName === '' ? { billingName: 'Enter the name on the card.' } : {}),
        ...(typed.billingPostalCode === '' ? { billingPostalCode: 'Enter the postcode of the card.' } : {})
    };
    if (!card || !expiry || Object.keys(problems).length > 0) return { typed, payment: null, problems };
    return { typed, payment: { ...typed, card, ...expiry }, problems: null };
}

function numberProblem(digits: string): string {
    if (!/^\d{12,}$/.test(digits)) return 'Enter the whole card number.';
    if (!hasCheckDigit(digits)) return 'That card number is not valid. Check it digit by digit.';
    return 'That is not a test card. This is a stand-in for Stripe: use 4242 4242 4242 4242. Nothing of what you typed was kept.';
}

function readExpiry(value: string): { expMonth: number; expYear: number } | null {
    const [, month, year] = /^(\d{1,2})\s*[/-]?\s*(\d{2}|\d{4})$/.exec(value) ?? [];
    if (!month || !year) return null;
    const expMonth = Number(month);
    return expMonth >= 1 && expMonth <= 12 ? { expMonth, expYear: (Number(year) % 100) + 2000 } : null;
}

function expiryProblem(expiry: { expMonth: number; expYear: number } | null, today: Date): Problems {
    if (!expiry) return { cardExpiry: 'Enter the expiry date as month and year, like 12 / 34.' };
    const firstMomentAfter = Date.UTC(expiry.expYear, expiry.expMonth, 1);
    return firstMomentAfter <= today.getTime()
        ? { cardExpiry: "Your card's expiry date is in the past." }
        : {};
}

function isSecurityCode(value: string, card: TestCard | undefined): boolean {
    return card?.brand === 'amex' ? /^\d{4}$/.test(value) : /^\d{3,4}$/.test(value);
}
