/** Refused acts: what failed left nothing in the database, so that the trail is told of it by a call of its own. */
import type { Problem } from './errors.ts';
import { logFailure } from './log.ts';

/** Tells the trail that a person was refused. That it can't be told is logged; the refusal stands either way. */
export async function reportRefusal(
    { db, record }: Pick<App.Locals, 'db' | 'record'>,
    failure: Problem
): Promise<void> {
    const { error } = await db.rpc('report_refusal', {
        account_id: record.accountId,
        act: record.permission ?? record.routeId ?? 'unknown',
        code: failure.code
    });
    if (error) logFailure(record, error);
}
