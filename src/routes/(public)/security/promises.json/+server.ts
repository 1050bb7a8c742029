import { json } from '@sveltejs/kit';
import { trust } from '$lib/server/promises.ts';
import type { RequestHandler } from './$types';

/** The same as the page, for programs. Anybody may keep it and compare it with the next one. */
export const GET: RequestHandler = async () => {
    const { build, run, counts, promises } = await trust();
    return json({
        format: 'tf-trust-1',
        build,
        run,
        counts,
        promises: promises.map(({ row, stamp, problems, enforcedBy, named, others }) => ({
            id: row.id,
            sentence: row.sentence,
            stamp,
            ...(row.state === 'not_yet' && { missing: row.missing, works: row.works ?? null }),
            ...(row.state === 'hosting' && { setting: row.setting, checked: row.checked }),
            limits: row.limits ?? null,
            doors: row.doors ?? null,
            links: row.links ?? [],
            problems,
            enforcedBy,
            tests: [...named, ...others]
        }))
    });
};
