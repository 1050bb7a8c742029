/**
 * Somebody at the gate: who they are, what they want of the auth server, from which device, and what of our limits that
 * takes. Made once a call; every step after it is told of it and changes nothing in it.
 */
import { personOf, requireContext, type Person } from '../_shared/caller.ts';
import { type RequestContext } from '../_shared/context.ts';
import { Problem } from '../_shared/problem.ts';
import { readBody } from '../_shared/request.ts';
import type { Call } from '../_shared/serve.ts';
import type { Act } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import type { CaptchaAsked } from './captcha-asked.ts';
import { captchaOf } from './captcha.ts';
import { deviceOf, knows, type Device } from './device.ts';
import { askedOf, wantedFor, type Asked, type Wanted } from './limits.ts';
import { plainBody } from './plain-body.ts';

const { TF_CONTEXT_KEY } = readSettings('TF_CONTEXT_KEY');

const BODY_LIMIT_BYTES = 64 * 1024;

/** What a call sends; null for a GET. */
export type Body = Uint8Array<ArrayBuffer> | null;

export type Visit = {
    readonly call: Call;
    readonly context: RequestContext;
    /** The person's own address, from the signed context. */
    readonly ip: string;
    /** Where on the auth server it leads, query included. */
    readonly path: string;
    readonly person: Person | null;
    readonly body: Body;
    /** What it wants that is limited; null when nothing is. */
    readonly asked: Asked | null;
    /** The device whose proof came along; it may be another login's. */
    readonly device: Device | null;
    /** The device's id, when this very login signed in from it before. */
    readonly knownDevice: string | null;
    readonly wanted: readonly Wanted[];
    /** What it is asked for where a captcha is due, and what came with it; null where none ever is. */
    readonly captcha: CaptchaAsked | null;
};

/** Reads the visit off a call that leads to `path`. Throws `context_required`, `body_too_large`, `request_not_understood`. */
export async function visitOf(call: Call, path: string): Promise<Visit> {
    const { request } = call;
    const context = await requireContext(call);
    const { ip } = context;
    if (ip === null) {
        throw new Problem('context_required', { detail: 'The request context names no address.' });
    }
    const body = request.method === 'GET' ? null : plainBody(await readBody(request, BODY_LIMIT_BYTES));
    if (body === null && request.method !== 'GET') {
        throw new Problem('request_not_understood', { detail: 'The body must be one plain JSON object.' });
    }
    const person = personOf(request);
    const asked = askedOf(request.method, path, body, person?.userId ?? null);
    const visit = { call, context, ip, path, person, body, asked };
    if (asked === null) {
        return { ...visit, device: null, knownDevice: null, wanted: [], captcha: null };
    }
    const device = await deviceOf(context.dev ?? null, TF_CONTEXT_KEY);
    const isKnown = device !== null && (await knows(device, asked.login, TF_CONTEXT_KEY));
    const knownDevice = isKnown ? device.id : null;
    const known = { ...visit, device, knownDevice, wanted: wantedFor(asked, ip, knownDevice) };
    return { ...known, captcha: captchaOf(known) };
}

/** As whom the gate calls functions of ours for this visit. */
export const act = ({ call, context }: Visit): Act => ({ actor: 'auth', requestId: call.requestId, context });
