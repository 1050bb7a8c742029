/** The security page's facts: the ledger in this build, and the report of the last whole run, if it is of this very commit. */
import { readFile, stat } from 'node:fs/promises';
import { ledger } from '$lib/promises/ledger.ts';
import { trustPage, type TrustPage } from '$lib/promises/page.ts';
import { parseReport } from '$lib/promises/report.ts';
import { settings } from './settings.ts';

const noReport = trustPage(ledger, null, __SOURCE__);
let last: { stamp: string; page: TrustPage } | undefined;

/** The page as the report's file stands now: a run that ends while we serve shows with the next request. */
export async function trust(): Promise<TrustPage> {
    const file = settings().PROMISES_REPORT;
    try {
        const { mtimeMs, size } = await stat(file);
        const stamp = `${file} ${mtimeMs} ${size}`;
        if (last?.stamp !== stamp) {
            const report = parseReport(await readFile(file, 'utf8'));
            last = { stamp, page: trustPage(ledger, report, __SOURCE__) };
        }
        return last.page;
    } catch {
        return noReport;
    }
}
