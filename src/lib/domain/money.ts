// Money as whole pence: exact arithmetic, how a person types it, how the screen shows it.
// Knows nothing of invoices, VAT or the database.

/** A whole number of pence. JavaScript holds every integer up to 90 million million pounds exactly. */
export type Pence = number & { readonly __unit: 'pence' };

/** Takes a whole number as pence. Throws a RangeError for fractions and for numbers too large to be exact. */
export function pence(value: number | bigint): Pence {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new RangeError(`not a whole number of pence: ${String(value)}`);
    return number as Pence;
}

/**
 * Divides and rounds once to the nearest whole number, halves away from zero
 * (HMRC VAT Notice 700, 17.6: under half a penny goes down, a half or more goes up).
 */
export function divideRounded(numerator: bigint, denominator: bigint): bigint {
    if (denominator <= 0n) throw new RangeError('the denominator must be positive');
    const magnitude = numerator < 0n ? -numerator : numerator;
    const rounded = (2n * magnitude + denominator) / (2n * denominator);
    return numerator < 0n ? -rounded : rounded;
}

/** Adds up; throws a RangeError when the sum is too large to be exact. */
export function sumPence(amounts: Iterable<number>): Pence {
    let sum = 0n;
    for (const amount of amounts) sum += BigInt(amount);
    return pence(sum);
}

/** £1,234.56, always with pence; a minus stands before the pound sign. */
export function formatPence(amount: number): string {
    const magnitude = Math.abs(amount);
    const pounds = Math.floor(magnitude / 100).toLocaleString('en-GB');
    const rest = String(magnitude % 100).padStart(2, '0');
    return `${amount < 0 ? '−' : ''}£${pounds}.${rest}`;
}

/** What stands in a money field: `1234.50`, without sign of currency or thousands. */
export function penceToInput(amount: number): string {
    const magnitude = Math.abs(amount);
    return `${amount < 0 ? '-' : ''}${Math.floor(magnitude / 100)}.${String(magnitude % 100).padStart(2, '0')}`;
}

const AMOUNT = /^(-)?£?(-)?(\d{1,3}(?:,\d{3})+|\d*)(?:\.(\d{0,2}))?$/;

/**
 * Reads an amount as people type it: `12.5`, `£12.50`, `1,200`, `-3`. Null when it is none,
 * when it has more than two decimals, or is over £10,000,000.
 */
export function parsePounds(text: string): Pence | null {
    const match = AMOUNT.exec(text.replace(/\s/g, '').replace(/−/g, '-'));
    if (!match) return null;
    const [, minusBefore, minusAfter, whole = '', decimals = ''] = match;
    if (whole === '' && decimals === '') return null;
    const magnitude = Number(whole.replace(/,/g, '') || '0') * 100 + Number(decimals.padEnd(2, '0') || '0');
    if (magnitude > 1_000_000_000) return null;
    return pence(minusBefore || minusAfter ? -magnitude || 0 : magnitude);
}
