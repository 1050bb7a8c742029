/**
 * Forms, sent plainly or enhanced. What was typed is kept (passwords and codes are not), each wrong field gets
 * its sentence, and everything else that goes wrong becomes one message over the form.
 *
 * A page author writes, with one schema for load and action:
 *
 *     const Customer = z.object({ name: z.string().trim().min(1, 'Give the customer a name.'), … });
 *
 *     export const load = protectedLoad('customers.write', async () => ({ form: await blankForm(Customer) }));
 *     export const actions = {
 *         default: protectedAction('customers.write', Customer, async ({ db, account, input }) => {
 *             const { customerId } = await createCustomer(db, account.id, input);
 *             redirect(303, `/customers/${customerId}`);
 *         })
 *     };
 *
 * and in the page: `const { form, errors, message, enhance } = superForm(data.form)`, which works the same when
 * the form was sent without JavaScript. Give each of several forms on a page its own schema, or an `id`.
 *
 * Rows: name inputs `lines[0].description`, `lines[0].kind`, … and write `lines: z.array(z.object(…))` with
 * `z.coerce` for what is no text; with `dataType: 'json'` the enhanced form sends the same thing.
 */
import { error, fail, type ActionFailure, type RequestEvent } from '@sveltejs/kit';
import {
    setError,
    superValidate,
    type Infer,
    type InferIn,
    type SuperValidated
} from 'sveltekit-superforms/server';
import { zod4 } from 'sveltekit-superforms/adapters';
import type { z } from 'zod';
import { captchaField } from './captcha.ts';
import { asProblem, sentenceOf, type Problem } from './errors.ts';
import { logFailure } from './log.ts';
import { hasRows, nestedFields } from './rows.ts';

/** An object schema, as forms take it. */
export type FormSchema = z.ZodType<Record<string, unknown>>;

/** A form as it travels between action, load and page. */
export type PageForm<Schema extends FormSchema> = SuperValidated<
    Infer<Schema, 'zod4'>,
    App.Superforms.Message
>;

/** An empty form, or one filled with what is stored. */
export function blankForm<Schema extends FormSchema>(
    schema: Schema,
    values?: Partial<Infer<Schema, 'zod4'>>,
    options: { id?: string } = {}
): Promise<PageForm<Schema>> {
    const filled = values as Partial<InferIn<Schema, 'zod4'>> | undefined;
    return superValidate(filled, zod4(schema), { ...options, errors: false }) as Promise<PageForm<Schema>>;
}

/** Reads a posted form against its schema. */
export async function readForm<Schema extends FormSchema>(
    data: FormData,
    schema: Schema
): Promise<PageForm<Schema>> {
    const id = data.get('__superform_id');
    const options = typeof id === 'string' ? { id } : {};
    const source = hasRows(data) ? (nestedFields(data) as Partial<InferIn<Schema, 'zod4'>>) : data;
    return (await superValidate(source, zod4(schema), options)) as PageForm<Schema>;
}

const neverSentBack = /^(password|new_password|code|credential|client_secret)$/;

function withoutSecrets(form: { data: Record<string, unknown> }): void {
    for (const name of Object.keys(form.data)) {
        if (neverSentBack.test(name)) form.data[name] = '';
    }
}

/** Sends a form back that did not pass its schema. */
export function refuseForm<Schema extends FormSchema>(
    form: PageForm<Schema>
): ActionFailure<{ form: PageForm<Schema> }> {
    withoutSecrets(form);
    return fail(400, { form });
}

/** Sends a form back with the sentence of what went wrong, next to the field when it concerns one. */
export function failForm<Schema extends FormSchema>(
    form: PageForm<Schema>,
    failure: Problem,
    requestId: string
): ActionFailure<{ form: PageForm<Schema> }> {
    withoutSecrets(form);
    form.valid = false;
    for (const [field, sentence] of Object.entries(failure.fields)) {
        setError(form as SuperValidated<Record<string, unknown>>, field, sentence);
    }
    form.message = { code: failure.code, text: failure.message, requestId };
    return fail(failure.status, { form });
}

/** What an action that anybody may call is given. */
export type OpenGround<Schema extends FormSchema> = {
    event: RequestEvent;
    input: Infer<Schema, 'zod4'>;
    form: PageForm<Schema>;
};

/**
 * An action that asks for no sign-in: signing in itself, and the customer's pages.
 * The same care for forms as a protected one; it must not stand where a guard is demanded.
 */
export function openAction<Schema extends FormSchema, Out>(
    schema: Schema,
    handler: (ground: OpenGround<Schema>) => Promise<Out>
): (
    event: RequestEvent
) => Promise<Out | ActionFailure<{ form: PageForm<Schema> }> | { form: PageForm<Schema> }> {
    return async (event) => {
        const data = await formData(event);
        const form = await readForm(data, schema);
        if (!form.valid) return refuseForm(form);
        const token = data.get(captchaField);
        if (typeof token === 'string' && token !== '') event.locals.gate.captchaToken = token;
        try {
            return (await handler({ event, input: form.data, form })) ?? { form };
        } catch (thrown) {
            const failure = noted(event, thrown);
            sayLimit(event, failure);
            return failForm(form, failure, event.locals.requestId);
        }
    };
}

/** On a refusal by a limit, says in the answer's headers how much there is and when to come back. */
export function sayLimit(
    event: { locals: App.Locals; setHeaders: RequestEvent['setHeaders'] },
    failure: Problem
): void {
    if (failure.status === 429) event.setHeaders({ ...event.locals.gate.refusal(), ...failure.headers });
}

/** The posted fields; a body that is none is the sender's mistake. */
export async function formData(event: RequestEvent): Promise<FormData> {
    try {
        return await event.request.formData();
    } catch (failure) {
        const { requestId, record } = event.locals;
        if (isTooLarge(failure)) {
            record.code = 'too_large';
            error(413, { message: sentenceOf('too_large'), code: 'too_large', requestId });
        }
        record.code = 'validation_failed';
        error(400, {
            message: 'That form did not arrive whole. Send it again.',
            code: 'validation_failed',
            requestId
        });
    }
}

/** The framework breaks off a body that is over its limit with an error of status 413. */
export function isTooLarge(failure: unknown): boolean {
    return typeof failure === 'object' && failure !== null && 'status' in failure && failure.status === 413;
}

/** A thrown failure as one of the catalogue, noted in the request's record; an unforeseen one is logged in full. */
export function noted(event: { locals: App.Locals }, thrown: unknown): Problem {
    const failure = asProblem(thrown);
    event.locals.record.code = failure.code;
    if (failure.code === 'unexpected') logFailure(event.locals.record, failure.cause ?? failure);
    return failure;
}
