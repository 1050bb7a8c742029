/** What the forms of signing in ask for, each with the sentence for getting it wrong. */
import { lengthWeakness, normalPassword, weaknessInWords } from '$lib/domain/passwords.ts';
import { z } from 'zod';

export const email = z
    .string()
    .trim()
    .toLowerCase()
    .max(254, 'That address is too long.')
    .pipe(z.email('Type an e-mail address, like sam@example.co.uk.'));

/** Where to go afterwards; checked where it is used. */
export const next = z.string().max(2000).default('');

export const EmailForm = z.object({ email, next });
export const PasswordForm = z.object({
    email,
    password: z.string().min(1, 'Type your password.').max(256),
    next
});
export const NewPasswordForm = z.object({
    // The gate judges the rest, which takes a list and a look-up.
    password: z.string().superRefine((password, context) => {
        const weakness = lengthWeakness(normalPassword(password));
        if (weakness) context.addIssue({ code: 'custom', message: weaknessInWords[weakness] });
    }),
    next
});
export const CodeForm = z.object({
    code: z
        .string()
        .transform((code) => code.replace(/[\s-]/g, ''))
        .pipe(z.string().regex(/^\d{6}$/, 'Type the 6 digits from the e-mail.'))
});

/** A form with nothing but its button. */
export const PressForm = z.object({});
