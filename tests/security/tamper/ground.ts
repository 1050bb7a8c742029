// Where the tamper suite stands: a stack of its own, chains that were anchored twice, what a reader kept outside before
// anybody tampered, and both verifiers' word on a chain.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres, { type ISql, type Sql, type TransactionSql } from 'postgres';
import { expect } from 'vitest';
import type { AnchorFile, PublicKey } from '../../../src/lib/domain/audit/anchor.ts';
import type { Reason } from '../../../src/lib/domain/audit/verify.ts';
import {
    anchorFile,
    anchorNow,
    exportOf,
    publishedKeys,
    verifyInSql,
    verifyOffline
} from '../../support/audit.ts';
import { startOwnStack, type OwnStack } from '../../support/stack.ts';

/** Chains that nobody touches. */
export const HONEST = 1000;
export const chainOf = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
/** Chains that the suite tampers with: eight records when first anchored, twelve when anchored again, fourteen now. */
export const BELL = chainOf(5001);
export const FINCH = chainOf(5002);

let stack: OwnStack;
export let sql: Sql;
/** What a reader kept outside, before anybody tampered. */
export let keys: PublicKey[];
export const kept = new Map<string, AnchorFile[]>();

const addActs = async (first: number, last: number, acts: number): Promise<void> => {
    await sql.unsafe(`call pg_temp.honest_chains(${first}, ${last}, ${acts})`).simple();
};
const anchorAll = async (): Promise<void> => {
    expect(await anchorNow(stack.info)).toMatchObject({ status: 200 });
    for (const chain of [BELL, FINCH])
        kept.set(chain, [...(kept.get(chain) ?? []), await anchorFile(sql, chain)]);
};

/** Makes the chains, and anchors those that are tampered with; pass it to beforeAll. */
export async function openGround(): Promise<void> {
    stack = await startOwnStack();
    sql = postgres(stack.info.superuserUrl, { max: 1, onnotice: () => undefined });
    await sql.unsafe(readFileSync(join(import.meta.dirname, 'tamper.sql'), 'utf8'));
    await addActs(1, HONEST, 3);
    await sql`select audit.erase_person('user', '00000000-0000-7000-8000-00000000feed')`;
    await addActs(5001, 5002, 8);
    await anchorAll();
    await addActs(5001, 5002, 4);
    await anchorAll();
    await addActs(5001, 5002, 2);
    keys = await publishedKeys(sql);
}

/** Stops it all; pass it to afterAll. */
export async function closeGround(): Promise<void> {
    await sql?.end();
    await stack?.stopAndForget();
}

export type Verdict = { seq: number | null; reason: Reason } | null;
export const verdictOf = (bad: Verdict): Verdict => bad && { seq: bad.seq, reason: bad.reason };

/** Both verifiers' word on a chain, each against the anchors that were kept outside. */
export async function verdicts(on: ISql, chain = BELL): Promise<{ inSql: Verdict; offline: Verdict }> {
    const anchors = kept.get(chain) ?? [];
    let inSql: Verdict = null;
    for (const head of [...anchors.map(({ head: anchored, at }) => ({ ...anchored, at })), null])
        inSql ??= (await verifyInSql(on, chain, head, 5)).bad;
    const offline = (await verifyOffline(await exportOf(on, chain), anchors, keys)).bad;
    return { inSql: verdictOf(inSql), offline: verdictOf(offline) };
}

const TABLES = [
    'records',
    'field_values',
    'links',
    'heads',
    'anchors',
    'anchor_heads',
    'signing_keys',
    'segments'
];

/** Tampers with every trigger off, asks, and takes it all back. */
export async function after<Answer>(
    tamper: (on: TransactionSql) => Promise<unknown>,
    ask: (on: TransactionSql) => Promise<Answer>
): Promise<Answer> {
    const undo = new Error('undo');
    let answer: Answer | undefined;
    await sql
        .begin(async (on) => {
            for (const table of TABLES) await on.unsafe(`alter table audit.${table} disable trigger all`);
            await tamper(on);
            answer = await ask(on);
            throw undo;
        })
        .catch((error: unknown) => {
            if (error !== undo) throw error;
        });
    return answer as Answer;
}
