// Passkeys and security keys through the pages and endpoints that a browser uses, with a software authenticator in its place.
import type { Authenticator, CreationOptions, Lies, RequestOptions } from './authenticator.ts';
import type { Visitor } from './visitor.ts';

/** What our endpoints give a browser. */
export type Question<Options> = { options: Options; fields: Record<string, string> };

/** Asks an endpoint for a question; fails with what it says instead. */
export async function questionAt<Options>(
    visitor: Visitor,
    path: string,
    body: Record<string, unknown> = {}
): Promise<Question<Options>> {
    const answer = await visitor.json(path, body);
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Question<Options>;
}

/** What a form takes to the server: the fields that came with the question, and the authenticator's answer. */
export const answered = (question: Question<unknown>, credential: object): Record<string, string> => ({
    ...question.fields,
    credential: JSON.stringify(credential)
});

/** Makes a passkey, through the page that people use; what the page answers. */
export async function makePasskey(
    visitor: Visitor,
    authenticator: Authenticator,
    { name = 'My phone', lies }: { name?: string; lies?: Lies } = {}
): Promise<Response> {
    const question = await questionAt<CreationOptions>(visitor, '/more/security/passkeys/options');
    return await visitor.post('/more/security/passkeys/new', {
        name,
        ...answered(question, authenticator.create(question.options, lies))
    });
}

/** Asks what a passkey is to sign. */
export const signInQuestion = (visitor: Visitor): Promise<Question<RequestOptions>> =>
    questionAt<RequestOptions>(visitor, '/sign-in/passkey/options');

/** Signs in with a passkey, through the page that people use; what the page answers. */
export async function enterByPasskey(
    visitor: Visitor,
    authenticator: Authenticator,
    { next = '/today', lies }: { next?: string; lies?: Lies } = {}
): Promise<Response> {
    const question = await signInQuestion(visitor);
    const fields = answered(question, authenticator.get(question.options, lies));
    return await visitor.post(`/sign-in/passkey?${new URLSearchParams({ next })}`, fields);
}
