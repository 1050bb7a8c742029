import { byArea, printedOnce, type ShownStamp } from '$lib/promises/page.ts';
import { trust } from '$lib/server/promises.ts';
import type { PageServerLoad } from './$types';

/** The stamps to filter by, in the order in which a reader asks for them. */
const ORDER: readonly ShownStamp[] = ['failed', 'kept', 'not_run', 'hosting', 'not_yet'];

/** Every promise with its stamp, or those of one stamp. */
export const load: PageServerLoad = async ({ url }) => {
    const { build, run, promises, counts } = await trust();
    const wanted = url.searchParams.get('show');
    const show: ShownStamp | 'all' = ORDER.find((stamp) => stamp === wanted && counts[stamp] > 0) ?? 'all';
    const shown = show === 'all' ? promises : promises.filter(({ stamp }) => stamp === show);
    return {
        build,
        run,
        counts,
        total: promises.length,
        show,
        stamps: ORDER.filter((stamp) => counts[stamp] > 0),
        areas: byArea(printedOnce(shown)),
        kept: Object.fromEntries(
            byArea(promises).map(({ area, promises: all }) => [
                area,
                { kept: all.filter(({ stamp }) => stamp === 'kept').length, of: all.length }
            ])
        )
    };
};
