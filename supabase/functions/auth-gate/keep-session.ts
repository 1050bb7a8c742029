/**
 * On what a session began: kept, so that its person can tell it from their others and is told of a device that is new to
 * them.
 */
import Bowser from 'npm:bowser@2.15.0';
import { z } from 'npm:zod@4.6.7';
import { describeFailure } from '../_shared/log.ts';
import { callService } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import { deviceInWords } from './agent.ts';
import type { Entry } from './attempts.ts';
import { knows } from './device.ts';
import { act, type Visit } from './visit.ts';

const { TF_CONTEXT_KEY } = readSettings('TF_CONTEXT_KEY');

const TIMEOUT_MS = 3000;
const names = { browsers: Object.values(Bowser.BROWSER_MAP), systems: Object.values(Bowser.OS_MAP) };

/** What a visit comes on, in words that a person recognises; null when it tells nothing of itself. */
export function deviceWords({ context }: Visit): string | null {
    const agent = context.ua ?? '';
    return agent === '' ? null : deviceInWords(Bowser.parse(agent), names);
}

/** Did this login sign in from the visit's device before? */
export async function isAtKnownDevice({ device }: Visit, login: string | null): Promise<boolean> {
    return device !== null && login !== null && (await knows(device, login, TF_CONTEXT_KEY));
}

/** That it can't be kept is logged; it keeps nobody out. */
export async function keepSession(visit: Visit, { attempt, sessionId, login }: Entry): Promise<void> {
    const known = await isAtKnownDevice(visit, login);
    const session = { session_id: sessionId, device: deviceWords(visit), known, method: attempt.method };
    await callService(act(visit), 'record_session', session, z.boolean(), TIMEOUT_MS).catch(
        (failure: unknown) => visit.call.log.error('session_not_recorded', describeFailure(failure))
    );
}
