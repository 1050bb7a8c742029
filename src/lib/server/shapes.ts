/** Pieces that the shapes of many rows share, and how lists are paged. */
import { z } from 'zod';
import { pence } from '$lib/domain/money.ts';

/** Integer pence. */
export const Money = z.int().transform(pence);

/** A date, `2026-11-22`. */
export const Day = z.iso.date();

/** A moment as the Data API writes it. */
export const Moment = z.iso.datetime({ offset: true });

/** Rows of a list on one page of the screen. */
export const pageSize = 25;

/** First and last row of a page, for `.range()`; pages count from 1. */
export function rangeOf(page: number): [from: number, to: number] {
    const from = (Math.max(1, page) - 1) * pageSize;
    return [from, from + pageSize - 1];
}

/** What was typed into a search, as a pattern inside PostgREST's `or=(…)`: quoted, with nothing of it as a wildcard. */
export function containing(words: string): string {
    const literal = words.trim().replace(/[\\%_*]/g, '\\$&');
    return `"%${literal.replace(/["\\]/g, '\\$&')}%"`;
}
