/**
 * How an attempt to sign in ended. Who got in and who did not is recorded before the answer goes out; whoever got in is
 * judged first (judge.ts), and what else follows for them stands in `whenIn`, a line each.
 */
import { readSettings } from '../_shared/settings.ts';
import { putBack } from './admit.ts';
import { CAPTCHA_HEADER } from './captcha.ts';
import { outcomeOf, type Attempt, type Entry } from './attempts.ts';
import { proofFor } from './device.ts';
import { keepSession } from './keep-session.ts';
import { noteFailure, suspected } from './judge.ts';
import { freedBy } from './limits.ts';
import { record } from './record.ts';
import type { Visit } from './visit.ts';

const { TF_CONTEXT_KEY } = readSettings('TF_CONTEXT_KEY');

/** What follows when somebody got in, all at once. Each logs its own failure: none keeps anybody out. */
const whenIn: readonly ((visit: Visit, entry: Entry) => Promise<void>)[] = [forgetFailures, keepSession];

/** Records the attempt, does what follows, and hands the device its proof. */
export async function concluded(visit: Visit, attempt: Attempt, answer: Response): Promise<Response> {
    const text = await answer.text();
    const headers = new Headers(answer.headers);
    const outcome = outcomeOf(answer.status, text);
    if (outcome !== null) {
        const { userId, code } = outcome;
        const told = { email: attempt.email, method: attempt.method, code, userId };
        if (userId === null) {
            const [isCaptchaNext] = await Promise.all([
                noteFailure(visit, attempt),
                record(visit, { ...told, result: 'failed' })
            ]);
            if (isCaptchaNext && visit.captcha !== null) {
                headers.set(CAPTCHA_HEADER, visit.captcha.action);
            }
        } else {
            const login = outcome.email;
            const entry = { attempt, userId, login, sessionId: headers.get('sb-auth-session-id') };
            const refusal = await suspected(visit, entry);
            if (refusal !== null) {
                return refusal;
            }
            await Promise.all([
                record(visit, { ...told, result: 'ok' }),
                ...whenIn.map((follow) => follow(visit, entry))
            ]);
            if (login !== null) {
                headers.set('x-tf-device', await proofFor(visit.device, login, TF_CONTEXT_KEY));
            }
        }
    }
    return new Response(text, { status: answer.status, headers });
}

/** Who got in has their failures forgotten. */
async function forgetFailures(visit: Visit, { attempt, login }: Entry): Promise<void> {
    await putBack(visit, freedBy(attempt.method, visit.asked?.login ?? login, visit.knownDevice), true);
}
