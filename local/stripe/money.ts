/** Amounts as people read them. */

/** `£12.50` for 1250 gbp. */
export function inWords(amount: number, currency: string): string {
    return new Intl.NumberFormat('en-GB', { style: 'currency', currency: currency.toUpperCase() }).format(
        amount / 100
    );
}
