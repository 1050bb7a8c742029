/** The steps of a request before its route, each a handle; hooks.server.ts strings them together. */
import { text, type Handle, type RequestEvent } from '@sveltejs/kit';
import { enter, me, type Me } from './accounts.ts';
import { dataClient, type Db } from './data.ts';
import { sentenceOf } from './errors.ts';
import { gateTalk } from './gate.ts';
import { withCaptchaAllowed } from './captcha.ts';
import { pagePolicy, permissionsPolicy } from './headers.ts';
import { newRecord, recordOf, serverTiming, writeLine } from './log.ts';
import { authClient, standing } from './session.ts';
import { settings } from './settings.ts';
import { upstreamFetch } from './upstream.ts';

/** Takes up the record that the server began, or begins one under `npm run dev`, where that server is not there. */
export const recorded: Handle = async ({ event, resolve }) => {
    const record = recordOf(event.platform?.req) ?? newRecord(event.getClientAddress());
    record.routeId = event.route.id;
    event.locals.record = record;
    event.locals.requestId = record.id;
    const response = await resolve(event);
    // Timings help whoever measures, and also whoever guesses; they are shown on stand-ins only.
    if (settings().STAND_INS.length > 0) response.headers.set('server-timing', serverTiming(record));
    return response;
};

/** Pages from which somebody comes to a passkey or security key without leaving the page's document. */
const usesKeys = (route: string | null): boolean => route !== null && /^\/\((app|auth)\)\//.test(route);

/**
 * Nothing made for a person is kept by a cache; pages may show and send photos at the storage origin, and those of people
 * who sign in may ask for passkeys.
 */
export const withPolicy: Handle = async ({ event, resolve }) => {
    const response = await resolve(event);
    // Meant for the framework itself while it prerenders.
    response.headers.delete('x-sveltekit-page');
    if (!response.headers.has('cache-control')) response.headers.set('cache-control', 'private, no-store');
    const policy = response.headers.get('content-security-policy');
    if (usesKeys(event.route.id)) response.headers.set('permissions-policy', permissionsPolicy(true));
    if (policy) {
        const ours = pagePolicy(policy, settings().SUPABASE_URL);
        const { showsCaptcha } = event.locals;
        response.headers.set('content-security-policy', showsCaptcha ? withCaptchaAllowed(ours) : ours);
        // What the widget's frame says of itself is its provider's business; nothing else on these pages comes from elsewhere.
        if (showsCaptcha) response.headers.set('cross-origin-embedder-policy', 'unsafe-none');
    }
    return response;
};

/**
 * Refuses what another site sent. The framework's own check covers forms; this covers every other body and
 * method as well. Absent headers come from programs, which carry no cookies of ours.
 */
export const sameOrigin: Handle = ({ event, resolve }) => {
    const { method, headers } = event.request;
    if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') {
        const origin = headers.get('origin');
        const site = headers.get('sec-fetch-site');
        if (
            (origin !== null && origin !== event.url.origin) ||
            site === 'cross-site' ||
            site === 'same-site'
        ) {
            event.locals.record.code = 'cross_site';
            return text(sentenceOf('cross_site'), { status: 403 });
        }
    }
    return resolve(event);
};

/** Finds out who is asking and lays out the clients that act as them. */
export const identified: Handle = async ({ event, resolve }) => {
    const { locals, cookies } = event;
    const person = () => (locals.standing.state === 'person' ? locals.standing.person : null);
    locals.gate = gateTalk(cookies);
    const fetch = upstreamFetch({
        settings: settings(),
        record: locals.record,
        userAgent: event.request.headers.get('user-agent') ?? '',
        sessionId: () => person()?.sessionId ?? null,
        gate: locals.gate
    });
    locals.upstream = fetch;
    locals.standing = { state: 'nobody' };
    locals.standing = await standing(settings(), cookies, fetch);
    locals.record.userId = person()?.userId ?? null;

    let db: Db | undefined;
    let auth: RequestEvent['locals']['auth'] | undefined;
    let asked: Promise<Me> | undefined;
    Object.defineProperties(locals, {
        db: { get: () => (db ??= dataClient(settings(), fetch, () => person()?.accessToken ?? null)) },
        auth: { get: () => (auth ??= authClient(settings(), cookies, fetch)) },
        me: { value: () => (asked ??= me(locals.db)) },
        enter: {
            value: async (account: unknown): Promise<Me> => {
                const entered = await enter(locals.db, account);
                if (entered.limits) locals.limits = entered.limits;
                else writeLine({ level: 'error', event: 'limits_not_counted', id: locals.requestId });
                asked = Promise.resolve(entered.me);
                return entered.me;
            }
        }
    });
    locals.limits = {};
    return resolve(event);
};

/** Says in every answer to something that was done how much may still be done; a refusal has said so for itself. */
export const limited: Handle = async ({ event, resolve }) => {
    const response = await resolve(event);
    if (!response.headers.has('ratelimit')) {
        for (const [name, value] of Object.entries(event.locals.limits)) response.headers.set(name, value);
    }
    return response;
};
