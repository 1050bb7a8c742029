// Checks the chain page by page and tells how far it has come. Stops at the end, at the first thing that is wrong, or
// when something fails on the way.
import type { Outcome } from '$lib/domain/story-check.ts';

/** Why a check did not come to its end. `anchor` is the sentence for what was pasted, when that is why. */
export type CheckProblem = { sentence: string; anchor: string | null };

type Refusal = { title?: string; fields?: { anchor?: string } };

const LOST = 'The check was cut off. Nothing is wrong with the chain by that: check it again.';

/** Null when it came to its end, whatever it found. */
export async function checkAll(
    account: string,
    anchor: string,
    progress: (outcome: Outcome) => void
): Promise<CheckProblem | null> {
    let [after, checked, erased] = [0, 0, 0];
    for (;;) {
        let response: Response;
        try {
            response = await fetch('/more/audit/check/pages', {
                method: 'POST',
                headers: { 'content-type': 'application/json' },
                body: JSON.stringify({ account_id: account, after, anchor })
            });
        } catch {
            return { sentence: LOST, anchor: null };
        }
        if (!response.ok) {
            const refusal = (await response.json().catch(() => ({}))) as Refusal;
            return { sentence: refusal.title ?? LOST, anchor: refusal.fields?.anchor ?? null };
        }
        const page = (await response.json()) as Outcome;
        checked += page.checked;
        erased += page.erased;
        progress({ ...page, checked, erased });
        if (page.next === null) return null;
        after = page.next;
    }
}
