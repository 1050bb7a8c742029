import { z } from 'zod';
import { checkFor, outsideOf } from '$lib/server/audit-check.ts';
import { anchorOf, chainHead } from '$lib/server/audit.ts';
import { protectedAction, protectedLoad } from '$lib/server/guard.ts';

export const load = protectedLoad('audit.read', async ({ db, account }) => {
    const [head, anchor] = await Promise.all([chainHead(db, account.id), anchorOf(db, account.id)]);
    return { head, anchor: anchor && { number: anchor.number, at: anchor.at, seq: anchor.head.seq } };
});

/** What a form without a script sends: where the last one stopped, so that a long chain is checked in several. */
const Check = z.object({
    anchor: z.string().max(100_000).default(''),
    next: z.coerce.number().int().min(0).default(0),
    checked: z.coerce.number().int().min(0).default(0),
    erased: z.coerce.number().int().min(0).default(0)
});

const milliseconds = 5_000;

export const actions = {
    default: protectedAction('audit.read', Check, async ({ db, account, input, form }) => {
        const outside = await outsideOf(db, account.id, input.anchor);
        return { form, outcome: await checkFor(db, account.id, input, outside, milliseconds) };
    })
};
