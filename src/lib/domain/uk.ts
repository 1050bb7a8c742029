// Forms of UK particulars: what counts as well formed, and the form we store. Form proves no existence.

/**
 * Normal form of a VAT number (nine digits, or twelve for branches) or null. Weights 8…2 on seven digits plus the last
 * two must be divisible by 97, or be so after adding 55 (series since 2009).
 */
export function normalVatNumber(text: string): string | null {
    const digits = text
        .toUpperCase()
        .replace(/[^0-9A-Z]/g, '')
        .replace(/^GB/, '');
    if (!/^(\d{9}|\d{12})$/.test(digits)) return null;
    const weighted = [8, 7, 6, 5, 4, 3, 2].reduce((sum, weight, i) => sum + weight * Number(digits[i]), 0);
    const check = weighted + Number(digits.slice(7, 9));
    return check % 97 === 0 || (check + 55) % 97 === 0 ? digits : null;
}

/** `GB 831 4958 16`, as it is printed. */
export function formatVatNumber(digits: string): string {
    return `GB ${digits.slice(0, 3)} ${digits.slice(3, 7)} ${digits.slice(7, 9)}${digits.length > 9 ? ` ${digits.slice(9)}` : ''}`;
}

const POSTCODE =
    /^(GIR0AA|(?:[A-Z]\d{1,2}|[A-Z]\d[A-Z]|[A-Z]{2}\d{1,2}|[A-Z]{2}\d[A-Z])\d[ABD-HJLNP-UW-Z]{2})$/;

/** `EC1A 1BB`, or null when it doesn't look like a postcode. Warn then, never refuse. */
export function normalPostcode(text: string): string | null {
    const bare = text.toUpperCase().replace(/\s/g, '');
    return POSTCODE.test(bare) ? `${bare.slice(0, -3)} ${bare.slice(-3)}` : null;
}

/** E.164 of a UK number, or null. */
export function normalPhone(text: string): string | null {
    const bare = text.replace(/[\s().-]/g, '').replace(/^00/, '+');
    const national = /^(?:\+440?|0)(\d{9,10})$/.exec(bare);
    return national ? `+44${national[1]}` : null;
}
