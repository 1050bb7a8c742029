// Asks our server for the question that an authenticator is to answer.
import { Unanswered, type Question } from './ceremony.ts';

const LOST = 'The connection was lost. Try again when you have signal.';

/** The question at a path of ours; throws {@link Unanswered} with the server's sentence when there is none. */
export async function questionAt(path: string, fields: Record<string, string> = {}): Promise<Question> {
    const response = await fetch(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify(fields)
    }).catch(() => {
        throw new Unanswered(LOST);
    });
    const answer = (await response.json().catch(() => null)) as (Question & { title?: string }) | null;
    if (response.ok && answer) return answer;
    throw new Unanswered(answer?.title ?? LOST);
}
