// The audit trail as a test looks at it from outside: an export made from the tables, anchors made by the real function,
// and the two verifiers.
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ISql } from 'postgres';
import {
    anchorFault,
    forkIn,
    type AnchorCopy,
    type AnchorFile,
    type PublicKey
} from '../../src/lib/domain/audit/anchor.ts';
import { exportVerifier, parseHeader, type Bad, type Report } from '../../src/lib/domain/audit/verify.ts';
import { projectDir, type StackInfo } from './stack.ts';

export const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** The chain of acts that belong to no account and no person. */
export const PLATFORM = '00000000-0000-0000-0000-000000000000';

/** The exports of chains as their lines, as the owner's own export writes them: also of what has been tampered with. */
export async function exportsOf(sql: ISql, chains: readonly string[]): Promise<Map<string, string[]>> {
    const rows = await sql<
        { chain: string; kind: string; after_seq: number; after_hash: string; lines: unknown[] }[]
    >`
        select
            c.chain,
            coalesce((select r.chain_kind from audit.records as r where r.chain_id = c.chain order by r.id limit 1), 'account') as kind,
            b.seq::float8 as after_seq,
            encode(b.hash, 'hex') as after_hash,
            array(
                select private.audit_line(l.seq, l.hash, r, v.fields)
                from audit.links as l
                left join audit.records as r on r.id = l.record_id
                left join audit.field_values as v on v.record_id = l.record_id
                where l.chain_id = c.chain
                order by l.seq
            ) || array(
                select private.audit_line(null, null, r, v.fields)
                from audit.records as r
                left join audit.field_values as v on v.record_id = r.id
                where r.chain_id = c.chain
                  and not exists (select from audit.links as l where l.record_id = r.id)
                order by r.id
            ) as lines
        from unnest(${[...chains]}::uuid[]) as c (chain)
        cross join lateral audit.beginning(c.chain) as b
    `;
    return new Map(
        rows.map(({ chain, kind, after_seq, after_hash, lines }) => {
            const header = {
                format: 'tf-audit-1',
                chain_kind: kind,
                chain_id: chain,
                exported_at: new Date().toISOString(),
                after_seq,
                after_hash
            };
            return [chain, [header, ...lines].map((line) => JSON.stringify(line))];
        })
    );
}

/** The export of one chain. */
export async function exportOf(sql: ISql, chain: string): Promise<string[]> {
    return (await exportsOf(sql, [chain])).get(chain) ?? [];
}

/** What the offline verifier says of an export, asked without a terminal. */
export async function verifyOffline(
    lines: readonly string[],
    anchors: readonly AnchorFile[],
    keys: readonly PublicKey[]
): Promise<Report> {
    const header = parseHeader(lines[0] ?? '');
    if (header === null) throw new Error('The export has no header.');
    const verifier = exportVerifier(
        header,
        anchors.map(({ head, number, at }) => ({ ...head, number, at })),
        sha256,
        new Date()
    );
    for (const line of lines.slice(1)) verifier.take(line);
    const report = verifier.finish();
    for (const anchor of anchors) {
        const fault = await anchorFault(anchor, keys, sha256);
        const isForked = forkIn(anchors, sha256) !== null;
        if (fault === null && !isForked) continue;
        const detail = fault ?? 'it does not continue the anchor before it';
        return {
            ...report,
            bad: report.bad ?? { seq: null, record_id: null, reason: 'anchor_differs', detail }
        };
    }
    return report;
}

/** What the database's own verifier says of a whole chain, page after page. */
export async function verifyInSql(
    sql: ISql,
    chain: string,
    outsideHead: { seq: number; hash: string; at?: string } | null,
    pageSize = 10_000
): Promise<{ checked: number; erased: number; bad: Pick<Bad, 'seq' | 'reason'> | null }> {
    let after: number | null = 0;
    let checked = 0;
    let erased = 0;
    while (after !== null) {
        const [row]: { page: SqlPage }[] = await sql`
            select audit.verify(${chain}, ${outsideHead === null ? null : sql.json(outsideHead)}, ${after}, ${pageSize}) as page
        `;
        if (!row) throw new Error('audit.verify answered nothing');
        checked += row.page.checked;
        erased += row.page.erased;
        if (row.page.bad) return { checked, erased, bad: row.page.bad };
        after = row.page.next_seq;
    }
    return { checked, erased, bad: null };
}

type SqlPage = {
    checked: number;
    erased: number;
    next_seq: number | null;
    bad: { seq: number | null; record_id: number | null; reason: Bad['reason'] } | null;
};

/** One run of the function that anchors. */
export async function anchorNow(
    stack: StackInfo,
    workerKey = stack.env.TF_WORKER_KEY ?? ''
): Promise<{ status: number; anchored: number; delivered: number; left: number }> {
    const answer = await fetch(`${stack.apiUrl}/functions/v1/audit-anchor`, {
        method: 'POST',
        headers: {
            apikey: stack.publishableKey,
            'content-type': 'application/json',
            'x-tf-worker': workerKey
        },
        body: '{}'
    });
    const counts = (await answer.json()) as { anchored: number; delivered: number; left: number };
    return { status: answer.status, ...counts };
}

/** The newest anchor file of a chain, as its owner gets it. */
export async function anchorFile(sql: ISql, chain: string): Promise<AnchorFile> {
    const [row] = await sql<{ file: AnchorFile | null }[]>`select audit.anchor_file(${chain}) as file`;
    if (!row?.file) throw new Error(`Chain ${chain} is not anchored.`);
    return row.file;
}

/** The published keys. */
export async function publishedKeys(sql: ISql): Promise<PublicKey[]> {
    const [row] = await sql<{ page: { keys: PublicKey[] } }[]>`select public.audit_anchors() as page`;
    return row?.page.keys ?? [];
}

/** What lies in the stack's drop box outside the database. */
export function droppedAnchors(stateDir: string): AnchorCopy[] {
    return readFileSync(join(stateDir, 'drops', 'anchors.jsonl'), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as AnchorCopy);
}

type Told = { code: number; said: string; report: (Report & { signatures: string }) | null };

/** Runs the offline verifier as somebody at a terminal does. */
export async function auditVerify(...args: string[]): Promise<Told> {
    const run = promisify(execFile)(process.execPath, ['src/verify.ts', ...args], { cwd: projectDir });
    const { code, stdout, stderr } = await run.then(
        (output) => ({ code: 0, ...output }),
        (failure: { code: number; stdout: string; stderr: string }) => failure
    );
    const report = args.includes('--json') && stdout !== '' ? (JSON.parse(stdout) as Told['report']) : null;
    return { code, said: (stdout + stderr).trim(), report };
}
