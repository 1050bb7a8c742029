import { redirect } from '@sveltejs/kit';
import { filterInWords } from '$lib/domain/story-filter.ts';
import { addressOf, filterOf, optionsOf, queryOf, withoutEmpty, wordsOf } from '$lib/server/audit-filter.ts';
import { chainHead, choicesOf, trailOf, trailPage } from '$lib/server/audit.ts';
import { protectedLoad } from '$lib/server/guard.ts';

const pageSize = 50;

export const load = protectedLoad('audit.read', async ({ db, account, event }) => {
    const tidier = withoutEmpty(event.url);
    if (tidier !== null) redirect(303, tidier);
    const asked = filterOf(event.url);
    const [choices, head, looks] = await Promise.all([
        choicesOf(db, account.id),
        chainHead(db, account.id),
        trailOf(db, account.id, { actor: 'platform_owner', pageSize: 5 })
    ]);
    const page = await trailPage(db, account.id, queryOf(asked, choices), pageSize);
    const thing =
        asked.about && (page.records.find(({ subject_name }) => subject_name)?.subject_name ?? null);
    const isFiltered = Object.entries(asked).some(
        ([name, value]) => value !== null && name !== 'before' && name !== 'after'
    );
    return {
        ...page,
        older: page.older && addressOf(asked, { before: page.older }),
        newer: page.newer && addressOf(asked, { after: page.newer }),
        newest: addressOf(asked),
        isNewest: asked.before === null && asked.after === null,
        isFiltered,
        asked,
        said: filterInWords(wordsOf(asked, choices, thing)),
        options: optionsOf(choices),
        head,
        looks,
        mayExport: account.permissions.includes('export.run')
    };
});
