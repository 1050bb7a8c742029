/** What the forms of signing in ask for, each with the sentence for getting it wrong. */
import { z } from 'zod';

const email = z
    .string()
    .trim()
    .toLowerCase()
    .max(254, 'That address is too long.')
    .pipe(z.email('Type an e-mail address, like sam@example.co.uk.'));

/** Where to go afterwards; checked where it is used. */
const next = z.string().max(2000).default('');

export const EmailForm = z.object({ email, next });
export const PasswordForm = z.object({
    email,
    password: z.string().min(1, 'Type your password.').max(256),
    next
});
export const NewPasswordForm = z.object({
    password: z
        .string()
        .min(10, 'Use at least 10 characters. A few words are best.')
        .refine((password) => new TextEncoder().encode(password).length <= 72, 'Use at most 72 characters.')
});
export const CodeForm = z.object({
    code: z
        .string()
        .transform((code) => code.replace(/[\s-]/g, ''))
        .pipe(z.string().regex(/^\d{6}$/, 'Type the 6 digits from the e-mail.'))
});

/** A form with nothing but its button. */
export const PressForm = z.object({});
