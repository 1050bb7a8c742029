/**
 * What goes between a browser's authenticator and the auth server: the question that a page's script is given, and the
 * answer that comes back with a form. Neither is looked into here; who gave the answer, and for which site, is the auth
 * server's to judge.
 */
import { z } from 'zod';
import { problem } from './errors.ts';

/** A question for the authenticator: its options in JSON (WebAuthn Level 3, 5.1.9), and what comes back beside the answer. */
export type KeyQuestion = { options: object; fields: Readonly<Record<string, string>> };

const Answer = z.looseObject({
    id: z.string(),
    rawId: z.string(),
    type: z.literal('public-key'),
    response: z.looseObject({ userHandle: z.string().nullish() })
});

/** An authenticator's answer, as far as it is looked into here. */
export type KeyAnswer = z.infer<typeof Answer>;

/** The field of a form that an authenticator's answer comes in: JSON, empty where no script ran. */
export const credential = z.string().max(20_000).default('');

/**
 * An authenticator's answer.
 * @throws {Problem} `key_needs_script` when there is none, `validation_failed` when it is no such thing.
 */
export function keyAnswer(field: string): KeyAnswer {
    if (field === '') throw problem('key_needs_script');
    try {
        return Answer.parse(JSON.parse(field));
    } catch (failure) {
        throw problem('validation_failed', { cause: failure });
    }
}

/** Whose passkey it claims to be: the auth server has authenticators keep the text of a person's id. */
export function holderIn({ response }: KeyAnswer): string {
    return Buffer.from(response.userHandle ?? '', 'base64url').toString();
}
