/**
 * The audit trail as a file: JSONL, which a verifier reads without our database, or CSV, which an office reads. Both are
 * streamed page by page, so that a trail of any length leaves in little memory. The database records that it left.
 */
import { z } from 'zod';
import {
    changeInWords,
    changesOf,
    sentenceOf,
    ACTOR_KINDS,
    RESULTS,
    type ActRecord
} from '$lib/domain/story.ts';
import { choicesOf } from './audit.ts';
import { call, type Db } from './data.ts';
import type { AccountId } from './ids.ts';

const Begun = z.object({ export_id: z.int(), header: z.record(z.string(), z.unknown()), records: z.int() });

const Value = z.tuple([z.string(), z.string()]);
const Line = z.object({
    seq: z.int().nullable(),
    hash: z.string().nullable(),
    record: z.array(z.union([z.string(), z.int(), z.boolean()]).nullable()).nullable(),
    values: z.record(z.string(), Value)
});

/** A record as it is hashed, with the values that it commits to. */
export type ExportLine = z.infer<typeof Line>;

const Page = z.object({ lines: z.array(Line), next_seq: z.int().nullable() });

/** The formats an export comes in. */
export const EXPORT_FORMATS = ['csv', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

const pageSize = 1_000;

/** What a spreadsheet would take for a formula is led by an apostrophe (OWASP, CSV injection); every field is quoted. */
export function csvField(value: string): string {
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return `"${safe.replaceAll('"', '""')}"`;
}

const COLUMNS = [
    ...['Number', 'Day and time', 'Who', 'What', 'Changes', 'Result', 'Action', 'About', 'About id'],
    ...['Belongs to', 'Belongs to id', 'Came in', 'Address', 'Browser', 'Vouched for', 'Session', 'Request'],
    ...['Erased', 'Written', 'Record', 'Hash']
] as const;

const csvRow = (fields: readonly string[]): string => `${fields.map(csvField).join(',')}\r\n`;

/** A time of a record, which is in UTC, as a spreadsheet reads it. */
const isoOf = (time: string | null | undefined): string => (time ? new Date(`${time}Z`).toISOString() : '');

function parsed(text: string | undefined): unknown {
    if (text === undefined) return undefined;
    try {
        return JSON.parse(text) as unknown;
    } catch {
        return undefined;
    }
}

const strings = (value: unknown): (string | null)[] =>
    Array.isArray(value) ? value.map((item) => (typeof item === 'string' ? item : null)) : [];

function oneOf<Known extends string>(
    known: readonly Known[],
    value: string | null | undefined
): Known | undefined {
    return known.find((each) => each === value);
}

/** One line of the export as a person reads it, with the cells of its technical record. */
export function csvOf(line: ExportLine, people: ReadonlyMap<string, string>): string {
    const { record, values } = line;
    if (!record)
        return csvRow([
            String(line.seq ?? ''),
            '',
            '',
            'The record is missing',
            ...Array(COLUMNS.length - 4).fill('')
        ]);
    // The places of the canonical text, tf-audit-1.
    const cells = record.map((element) => (element === null ? null : String(element)));
    const [, , , id, recorded, happened, , actorKind, actorId, session, via, trusted, request] = cells;
    const [action, result, entity, entityId, subject, subjectId, , commitments] = cells.slice(13);
    const before: Record<string, unknown> = {};
    const after: Record<string, unknown> = {};
    for (const [name, [, text]] of Object.entries(values)) {
        const pair = parsed(text);
        if (name.startsWith('@') || !Array.isArray(pair)) continue;
        before[name] = pair[0];
        after[name] = pair[1];
    }
    const committed = (commitments ?? '').split(' ').filter(Boolean);
    const erased = committed
        .map((each) => each.slice(0, each.indexOf(':')))
        .filter((name) => !Object.hasOwn(values, name));
    const detail = parsed(values['@detail']?.[1]);
    const [ip, browser] = strings(parsed(values['@from']?.[1]));
    const [given] = strings(parsed(values['@actor']?.[1]));
    const told: ActRecord = {
        action: action ?? '',
        result: oneOf(RESULTS, result) ?? 'ok',
        entity: entity ?? '',
        before: action?.endsWith('.created') ? null : before,
        after: action?.endsWith('.deleted') ? null : after,
        detail: typeof detail === 'object' ? (detail as Record<string, unknown> | null) : null,
        erased,
        actor_kind: oneOf(ACTOR_KINDS, actorKind) ?? 'system',
        actor_name: given ?? people.get(actorId ?? '') ?? null
    };
    const sentence = sentenceOf(told);
    return csvRow([
        String(line.seq ?? 'not linked'),
        isoOf(happened),
        given ?? people.get(actorId ?? '') ?? (actorKind ?? '').replace('_', ' '),
        sentence,
        changesOf(told).map(changeInWords).join('; '),
        result ?? '',
        action ?? '',
        entity ?? '',
        entityId ?? '',
        subject ?? '',
        subjectId ?? '',
        via ?? '',
        ip ?? '',
        browser ?? '',
        trusted === 'true' ? 'yes' : 'no',
        session ?? '',
        request ?? '',
        erased.join(' '),
        isoOf(recorded),
        id ?? '',
        line.hash ?? ''
    ]);
}

/**
 * Begins an export, which records it, and answers the file as it comes. A page that fails breaks the download off, so
 * that half a file is never taken for a whole one.
 * @throws {Problem} `not_allowed` before anything is sent.
 */
export async function exportTrail(
    db: Db,
    account: AccountId,
    format: ExportFormat
): Promise<ReadableStream<Uint8Array>> {
    const { people } = await choicesOf(db, account);
    const begun = await call(db, 'audit_begin_export', { account_id: account, format }, Begun);
    const names = new Map(people.map(({ id, name }) => [id, name]));
    const encoder = new TextEncoder();
    let after: number | null = 0;
    return new ReadableStream<Uint8Array>({
        start(controller) {
            // Spreadsheets read UTF-8 only where a byte order mark says so.
            const first = format === 'csv' ? `\uFEFF${csvRow(COLUMNS)}` : `${JSON.stringify(begun.header)}\n`;
            controller.enqueue(encoder.encode(first));
        },
        async pull(controller) {
            if (after === null) {
                controller.close();
                return;
            }
            const page: z.infer<typeof Page> = await call(
                db,
                'audit_export',
                { account_id: account, export_id: begun.export_id, after_seq: after, page_size: pageSize },
                Page
            );
            after = page.next_seq;
            const text = page.lines
                .map((line) => (format === 'csv' ? csvOf(line, names) : `${JSON.stringify(line)}\n`))
                .join('');
            if (text !== '') controller.enqueue(encoder.encode(text));
            if (after === null) controller.close();
        }
    });
}
