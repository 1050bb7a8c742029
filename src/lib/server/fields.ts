/**
 * Building blocks of form schemas. A field stays the text that was typed, so that it can be shown again as it was; what
 * it means is read off with the functions beside it once the form has passed.
 */
import { z } from 'zod';
import { parsePounds } from '$lib/domain/money.ts';
import { parseQuantity } from '$lib/domain/quantity.ts';

/** Text that has to be there. */
export const words = (sentence: string, max = 120) =>
    z.string().trim().min(1, sentence).max(max, `Keep this under ${max} characters.`);

/** Text that may be left out; `orNull` turns the empty one into null. */
export const optionalWords = (max = 120) =>
    z.string().trim().max(max, `Keep this under ${max} characters.`).default('');

export const orNull = (text: string): string | null => (text === '' ? null : text);

/** An e-mail address, or nothing. */
export const optionalEmail = z
    .string()
    .trim()
    .max(254)
    .regex(
        /^$|^[^@\s]+@[^@\s]+\.[^@\s]+$/,
        'Check this e-mail address: it should look like name@example.co.uk.'
    )
    .default('');

/** A day as `<input type="date">` sends it. */
export const day = (sentence: string) => z.iso.date(sentence);

/** A day, or nothing. */
export const optionalDay = z
    .string()
    .regex(/^$|^\d{4}-\d{2}-\d{2}$/, 'Give the date as day, month and year.')
    .default('');

/** An amount of money as people type it; `parsePounds` reads it. */
export const pounds = z
    .string()
    .trim()
    .refine((text) => parsePounds(text) !== null, 'Type an amount like 12.50.');

/** A quantity as people type it; `parseQuantity` reads it. */
export const quantity = z
    .string()
    .trim()
    .refine((text) => parseQuantity(text) !== null, 'Type a quantity over nothing, like 1 or 2.5.');

/** What was parsed before by the schema. A null here is a mistake in ours. */
export function parsed<Value>(value: Value | null): Value {
    if (value === null) throw new TypeError('a field was read that its schema had not passed');
    return value;
}

/** Which page of a list the address asks for; anything else is the first. */
export function pageOf(url: URL): number {
    const page = Number(url.searchParams.get('page'));
    return Number.isInteger(page) && page > 0 && page < 10_000 ? page : 1;
}
