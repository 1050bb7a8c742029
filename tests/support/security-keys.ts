// Security keys as the second factor, through the pages and endpoints that a browser uses.
import {
    anAuthenticator,
    type Authenticator,
    type CreationOptions,
    type Lies,
    type RequestOptions
} from './authenticator.ts';
import { answered, questionAt, type Question } from './passkeys.ts';
import type { Visitor } from './visitor.ts';

const app = process.env.TF_APP_URL ?? '';

/** Sets a key up; `last` is what the page answered. */
export async function aSecurityKey(
    visitor: Visitor,
    {
        key = anAuthenticator(app),
        name = 'My key',
        next = '/more/security',
        lies
    }: { key?: Authenticator; name?: string; next?: string; lies?: Lies } = {}
): Promise<{ key: Authenticator; factorId: string; last: Response }> {
    const question = await questionAt<CreationOptions>(visitor, '/auth/factor/key/begin', { name });
    const fields = { name, ...answered(question, key.create(question.options, lies)) };
    const last = await visitor.post(`/auth/factor/key?${new URLSearchParams({ next })}`, fields);
    return { key, factorId: question.fields.factor_id ?? '', last };
}

/** Asks what a key of the person's is to sign. */
export const keyQuestion = (visitor: Visitor, factorId: string): Promise<Question<RequestOptions>> =>
    questionAt<RequestOptions>(visitor, '/auth/factor/use/question', { factor_id: factorId });

/** The fields that take a key's answer to the server. */
export async function keyAnswered(
    visitor: Visitor,
    factorId: string,
    key: Authenticator,
    lies?: Lies
): Promise<Record<string, string>> {
    const question = await keyQuestion(visitor, factorId);
    return answered(question, key.get(question.options, lies));
}
