/** What the pages of the second factor ask for. */
import { credential } from '$lib/server/key-answer.ts';
import { z } from 'zod';

/** Where to go afterwards; checked where it is used. */
export const next = z.string().max(2000).default('');

/** What its person calls a factor. */
export const factorName = z
    .string()
    .trim()
    .min(1, 'Give it a name, like My phone.')
    .max(60, 'Use at most 60 characters.');

/** A code of an authenticator app, however it is typed. */
export const appCode = z
    .string()
    .transform((code) => code.replace(/[\s-]/g, ''))
    .pipe(z.string().regex(/^\d{6}$/, 'Type the 6 digits that your app shows.'));

export const GiveCode = z.object({ factor_id: z.uuid(), code: appCode, next });

/** The answer of a security key; ids are empty where no script ran. */
export const GiveKey = z.object({
    factor_id: z.string().max(100).default(''),
    challenge_id: z.string().max(100).default(''),
    credential,
    next
});
