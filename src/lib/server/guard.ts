/**
 * The door of every protected route. A permission is declared where the route is, checked here against what the
 * database says this very moment, and checked again by row-level security when the handler reads or writes.
 * A load, action or endpoint under a protected folder that is not made by one of these does not build
 * (see route-guards.ts).
 *
 * A page author writes in +page.server.ts:
 *
 *     export const load = protectedLoad('jobs.read', async ({ db, account, event }) => {
 *         const id = pathId(event, 'id', JobId);
 *         return { job: await getJob(db, account.id, id), form: await blankForm(MoveJob) };
 *     });
 *     export const actions = {
 *         move: protectedAction('jobs.write', MoveJob, ({ db, account, input }) => moveJob(db, account.id, input))
 *     };
 *
 * and in +server.ts, for what a script of ours calls:
 *
 *     export const POST = protectedEndpoint('documents.write', StartPhoto, ({ db, account, input }) => …);
 *
 * - `db` carries the person's own token. `account` is the business: of a load the active one, of an action the one
 *   that the form names in the hidden field `account_id` (put it in every form).
 * - Throw `problem('…')` for what goes wrong on purpose; call `redirect(303, …)` when done. An action that returns
 *   nothing answers `{ form }`; what it returns else is the action's data (include `form` to keep what was typed).
 * - A page whose form needs a fresh proof of who is there calls `askFresh(me)` in its load: whoever signed in a while ago
 *   proves themselves first and comes back, instead of losing what they typed. The database asks again (require_fresh).
 * - `personLoad`, `personAction`, `personEndpoint` ask only that somebody is signed in.
 * - Under src/routes/admin the guards of platform-guard.ts stand, and no other.
 */
import {
    error,
    json,
    redirect,
    type ActionFailure,
    type RequestEvent,
    type ServerLoadEvent
} from '@sveltejs/kit';
import type { Infer } from 'sveltekit-superforms/server';
import type { z } from 'zod';
import {
    activeAccount,
    demandingAccount,
    leftAccount,
    namedAccount,
    type Account,
    type Me,
    type Permission
} from './accounts.ts';
import type { Db } from './data.ts';
import { problem, problemResponse, type Problem } from './errors.ts';
import {
    failForm,
    formData,
    isTooLarge,
    noted,
    readForm,
    refuseForm,
    sayLimit,
    type FormSchema,
    type PageForm
} from './forms.ts';
import { nextPath } from './next-path.ts';
import { reportRefusal } from './refusals.ts';
import { dropSession, type Person } from './session.ts';

/** What a handler gets when somebody is signed in. */
export type PersonGround<Event> = { event: Event; person: Person; me: Me; db: Db };

/** What a handler gets when somebody is signed in and may do it in this business. */
export type AccountGround<Event> = PersonGround<Event> & { account: Account };

/** What an action's or endpoint's handler gets besides. */
type WithInput<Schema extends FormSchema> = { input: Infer<Schema, 'zod4'> };
export type WithForm<Schema extends FormSchema> = WithInput<Schema> & { form: PageForm<Schema> };

/** What a handler gets of somebody who may still owe their second factor. */
export type HalfwayGround<Event> = { event: Event; person: Person; db: Db };

/** Somebody is signed in, or `signed_out`. */
export function halfway<Event extends RequestEvent>(event: Event): HalfwayGround<Event> {
    const { standing } = event.locals;
    if (standing.state === 'unreachable') throw problem('unavailable');
    if (standing.state !== 'person') throw problem('signed_out');
    return { event, person: standing.person, db: event.locals.db };
}

/** Somebody is signed in, their session still exists and their second factor is given, or `signed_out`, or `factor_needed`. */
async function somebody<Event extends RequestEvent>(event: Event): Promise<PersonGround<Event>> {
    return { ...halfway(event), me: await event.locals.me() };
}

/** The same of somebody who is about to do something, in the business that they name; or `too_many_acts`. */
async function somebodyWhoActs(event: RequestEvent, account: unknown): Promise<PersonGround<RequestEvent>> {
    return { ...halfway(event), me: await event.locals.enter(account) };
}

function allowed<Event extends RequestEvent>(
    ground: PersonGround<Event>,
    account: Account,
    permission: Permission
): AccountGround<Event> {
    ground.event.locals.record.accountId = account.id;
    ground.event.locals.record.permission = permission;
    if (!account.permissions.includes(permission)) throw problem('not_allowed');
    return { ...ground, account };
}

/** What was thrown, noted; a refusal is told to the audit trail too, since its own transaction left nothing there. */
async function failed(event: RequestEvent, thrown: unknown): Promise<Problem> {
    const failure = noted(event, thrown);
    if (failure.status === 403 && !isQuestion(failure) && event.locals.standing.state === 'person')
        await reportRefusal(event.locals, failure);
    return failure;
}

/** Nobody was refused, they are asked for something first: on a page of its own, from where they come back. */
const isQuestion = ({ code }: Problem): boolean =>
    code === 'signed_out' ||
    code === 'fresh_proof_needed' ||
    code === 'factor_needed' ||
    code === 'signed_in_long_ago';

/** Path of the sign-in page that comes back to where the person wanted to go. */
function signInPath(event: RequestEvent): string {
    const query = new URLSearchParams();
    if (event.locals.standing.state !== 'nobody') query.set('ended', '1');
    const wanted = `${event.url.pathname}${event.request.method === 'GET' ? event.url.search : ''}`;
    if (wanted !== '/') query.set('next', wanted);
    return `/sign-in${query.size > 0 ? `?${query}` : ''}`;
}

/** Path of the page that asks for a proof, and comes back to the page that the person is on. */
function provePath(page: '/auth/again' | '/auth/factor', event: RequestEvent, isEndpoint = false): string {
    const query = new URLSearchParams(event.url.search);
    for (const name of [...query.keys()]) if (name.startsWith('/')) query.delete(name);
    const here = `${event.url.pathname}${query.size > 0 ? `?${query}` : ''}`;
    // A download has no page of its own. Where its form stands is said by the browser; it is checked like any other `next`.
    const from = event.request.headers.get('referer') ?? '';
    const next = isEndpoint && URL.canParse(from) ? `${new URL(from).pathname}${new URL(from).search}` : here;
    return `${page}?${new URLSearchParams({ next: nextPath(next) })}`;
}

/** Ends a page's request: to the sign-in page, or with the error page. */
function refusePage(event: RequestEvent, failure: Problem): never {
    if (failure.code === 'signed_out') {
        if (event.locals.standing.state === 'person') event.locals.standing = { state: 'ended' };
        dropSession(event.cookies);
        redirect(303, signInPath(event));
    }
    if (failure.code === 'fresh_proof_needed') redirect(303, provePath('/auth/again', event));
    // The auth server goes by when the session began, and a factor begins none: whoever gave theirs signs in anew all the same.
    if (failure.code === 'signed_in_long_ago') redirect(303, `${provePath('/auth/again', event)}&anew=`);
    if (failure.code === 'factor_needed') redirect(303, provePath('/auth/factor', event));
    sayLimit(event, failure);
    error(failure.status, {
        message: failure.message,
        code: failure.code,
        requestId: event.locals.requestId
    });
}

export type Load<Out> = (event: ServerLoadEvent) => Promise<Out>;

/** A load that somebody has to be let into. For the guards, here and in platform-guard.ts. */
export function guardedLoad<Ground, Out>(
    enter: (event: ServerLoadEvent) => Promise<Ground>,
    handler: (ground: Ground) => Promise<Out> | Out
): Load<Out> {
    return async (event) => {
        try {
            return await handler(await enter(event));
        } catch (thrown) {
            return refusePage(event, await failed(event, thrown));
        }
    };
}

/**
 * A load for members who hold the permission in the active business. Nobody's member yet: to the welcome page; no longer
 * its member: to the page that says so.
 */
export function protectedLoad<Out>(
    permission: Permission,
    handler: (ground: AccountGround<ServerLoadEvent>) => Promise<Out> | Out
): Load<Out> {
    return guardedLoad(async (event) => {
        const ground = await somebody(event);
        if (leftAccount(ground.me, event.cookies)) redirect(303, '/left');
        if (demandingAccount(ground.me, event.cookies)) throw problem('factor_needed');
        const account = activeAccount(ground.me, event.cookies);
        if (!account) redirect(303, '/welcome');
        return allowed(ground, account, permission);
    }, handler);
}

/** A load for anybody who is signed in. */
export function personLoad<Out>(
    handler: (ground: PersonGround<ServerLoadEvent>) => Promise<Out> | Out
): Load<Out> {
    return guardedLoad(somebody, handler);
}

/** A load for the pages that ask for the second factor. Not for a protected folder: it asks for nothing but a token. */
export function halfwayLoad<Out>(
    handler: (ground: HalfwayGround<ServerLoadEvent>) => Promise<Out> | Out
): Load<Out> {
    return guardedLoad((event) => Promise.resolve(event).then(halfway), handler);
}

export type Action<Schema extends FormSchema, Out> = (
    event: RequestEvent
) => Promise<Exclude<Out, void> | { form: PageForm<Schema> } | ActionFailure<{ form: PageForm<Schema> }>>;

/** An action that somebody has to be let into, likewise. */
export function guardedAction<Schema extends FormSchema, Ground, Out>(
    schema: Schema,
    enter: (event: RequestEvent, fields: FormData) => Promise<Ground>,
    handler: (ground: Ground & WithForm<Schema>) => Promise<Out> | Out
): Action<Schema, Out> {
    return async (event) => {
        const fields = await formData(event);
        let ground: Ground;
        try {
            ground = await enter(event, fields);
        } catch (thrown) {
            const failure = await failed(event, thrown);
            if (failure.status !== 429) return refusePage(event, failure);
            sayLimit(event, failure);
            return failForm(await readForm(fields, schema), failure, event.locals.requestId);
        }
        const form = await readForm(fields, schema);
        if (!form.valid) return refuseForm(form);
        try {
            const result = await handler({ ...ground, input: form.data, form });
            return (result ?? { form }) as Exclude<Out, void> | { form: PageForm<Schema> };
        } catch (thrown) {
            const failure = await failed(event, thrown);
            if (isQuestion(failure)) refusePage(event, failure);
            sayLimit(event, failure);
            return failForm(form, failure, event.locals.requestId);
        }
    };
}

/** An action for members who hold the permission in the business that the form names. */
export function protectedAction<Schema extends FormSchema, Out>(
    permission: Permission,
    schema: Schema,
    handler: (ground: AccountGround<RequestEvent> & WithForm<Schema>) => Promise<Out> | Out
): Action<Schema, Out> {
    return guardedAction(
        schema,
        async (event, fields) => {
            const named = fields.get('account_id');
            const ground = await somebodyWhoActs(event, named);
            return allowed(ground, namedAccount(ground.me, named, event.cookies), permission);
        },
        handler
    );
}

/** An action for anybody who is signed in. */
export function personAction<Schema extends FormSchema, Out>(
    schema: Schema,
    handler: (ground: PersonGround<RequestEvent> & WithForm<Schema>) => Promise<Out> | Out
): Action<Schema, Out> {
    return guardedAction(
        schema,
        (event, fields) => somebodyWhoActs(event, fields.get('account_id')),
        handler
    );
}

/** An action for the pages that ask for the second factor. */
export function halfwayAction<Schema extends FormSchema, Out>(
    schema: Schema,
    handler: (ground: HalfwayGround<RequestEvent> & WithForm<Schema>) => Promise<Out> | Out
): Action<Schema, Out> {
    return guardedAction(schema, (event) => Promise.resolve(event).then(halfway), handler);
}

type Endpoint = (event: RequestEvent) => Promise<Response>;

const isPlainForm = ({ request }: RequestEvent): boolean =>
    request.headers.get('content-type')?.startsWith('application/x-www-form-urlencoded') ?? false;

/** Body of a POST as JSON or as a plain form (a download needs no script), or the query of a GET. */
async function fieldsOf(event: RequestEvent): Promise<Record<string, unknown>> {
    if (event.request.method === 'GET') return Object.fromEntries(event.url.searchParams);
    if (isPlainForm(event)) {
        return Object.fromEntries(await formData(event));
    }
    const body: unknown = await event.request.json().catch((failure: unknown) => {
        if (isTooLarge(failure)) throw problem('too_large');
        return null;
    });
    if (typeof body !== 'object' || body === null || Array.isArray(body)) throw problem('validation_failed');
    return body as Record<string, unknown>;
}

function guardedEndpoint<Schema extends FormSchema, Ground>(
    schema: Schema,
    enter: (event: RequestEvent, fields: Record<string, unknown>) => Promise<Ground>,
    handler: (ground: Ground & WithInput<Schema>) => Promise<unknown>
): Endpoint {
    return async (event) => {
        try {
            const fields = await fieldsOf(event);
            const ground = await enter(event, fields);
            const input = schema.safeParse(fields);
            if (!input.success) {
                const sentences = input.error.issues.map(
                    (issue) => [issue.path.join('.'), issue.message] as const
                );
                throw problem('validation_failed', { fields: Object.fromEntries(sentences) });
            }
            const result = await handler({ ...ground, input: input.data as Infer<Schema, 'zod4'> });
            return result instanceof Response ? result : json(result ?? {});
        } catch (thrown) {
            const failure = await failed(event, thrown);
            if (failure.code === 'fresh_proof_needed' && isPlainForm(event))
                redirect(303, provePath('/auth/again', event, true));
            sayLimit(event, failure);
            return problemResponse(failure, event.locals.requestId);
        }
    };
}

/** An endpoint for members who hold the permission in the business that `account_id` names. Answers JSON or problem+json. */
export function protectedEndpoint<Schema extends FormSchema>(
    permission: Permission,
    schema: Schema,
    handler: (ground: AccountGround<RequestEvent> & WithInput<Schema>) => Promise<unknown>
): Endpoint {
    return guardedEndpoint(
        schema,
        async (event, fields) => {
            const ground = await somebodyWhoActs(event, fields.account_id);
            return allowed(ground, namedAccount(ground.me, fields.account_id, event.cookies), permission);
        },
        handler
    );
}

/** An endpoint for the pages that ask for the second factor. */
export function halfwayEndpoint<Schema extends FormSchema>(
    schema: Schema,
    handler: (ground: HalfwayGround<RequestEvent> & WithInput<Schema>) => Promise<unknown>
): Endpoint {
    return guardedEndpoint(schema, (event) => Promise.resolve(event).then(halfway), handler);
}

/** An endpoint for anybody who is signed in. */
export function personEndpoint<Schema extends FormSchema>(
    schema: Schema,
    handler: (ground: PersonGround<RequestEvent> & WithInput<Schema>) => Promise<unknown>
): Endpoint {
    return guardedEndpoint(schema, (event, fields) => somebodyWhoActs(event, fields.account_id), handler);
}

/** An id out of the path. One that is none cannot be found, and says so with 404. */
export function pathId<Schema extends z.ZodType>(
    event: { params: Partial<Record<string, string>> },
    name: string,
    schema: Schema
): z.output<Schema> {
    const id = schema.safeParse(event.params[name]);
    if (!id.success) throw problem('not_found');
    return id.data;
}

/** The error page of a failure, for pages that anybody may open. */
export function refuse(
    event: { locals: App.Locals; setHeaders: RequestEvent['setHeaders'] },
    failure: Problem
): never {
    event.locals.record.code = failure.code;
    sayLimit(event, failure);
    error(failure.status, {
        message: failure.message,
        code: failure.code,
        requestId: event.locals.requestId
    });
}
