// Quantities of a line in thousandths (1 hour = 1000), so that 2.75 h is exact.

const QUANTITY = /^(\d{0,7})(?:\.(\d{0,3}))?$/;

/** Reads `2.75`, `1,000`, `.5` as thousandths. Null for none, nil, more than three decimals or a minus sign. */
export function parseQuantity(text: string): number | null {
    const match = QUANTITY.exec(text.replace(/[\s,]/g, ''));
    if (!match) return null;
    const [, whole = '', decimals = ''] = match;
    if (whole === '' && decimals === '') return null;
    const milli = Number(whole || '0') * 1000 + Number(decimals.padEnd(3, '0'));
    return milli > 0 ? milli : null;
}

/** `2.75`, `1`, `0.5`: as few decimals as say it exactly. */
export function formatQuantity(milli: number): string {
    const whole = Math.trunc(milli / 1000);
    const rest = String(Math.abs(milli % 1000))
        .padStart(3, '0')
        .replace(/0+$/, '');
    return rest === '' ? String(whole) : `${whole}.${rest}`;
}
