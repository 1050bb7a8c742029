/** What the pages of the second factor ask for. */
import { z } from 'zod';

/** Where to go afterwards; checked where it is used. */
export const next = z.string().max(2000).default('');

/** A code of an authenticator app, however it is typed. */
export const appCode = z
    .string()
    .transform((code) => code.replace(/[\s-]/g, ''))
    .pipe(z.string().regex(/^\d{6}$/, 'Type the 6 digits that your app shows.'));

export const GiveCode = z.object({ factor_id: z.uuid(), code: appCode, next });
