/**
 * `npm run audit:verify -- export.jsonl --anchor FILE [--anchor FILE …] [--keys FILE|URL] [--json]`
 *
 * Checks an export of the audit trail against anchors that were kept outside. It needs no database and no network (but for
 * a `--keys` address) and nothing else of the app: only the rules in lib/domain/audit, where the format is written down.
 * Exit code 0: all is as it was written; 1: something is bad, and the first such record and the reason are named; 2: there
 * was nothing to verify, since a file is missing or is no file of that kind.
 */
import { hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
    anchorFault,
    forkIn,
    headIn,
    parseAnchor,
    parseKeys,
    type AnchorCopy,
    type AnchorFile,
    type PublicKey
} from './lib/domain/audit/anchor.ts';
import { exportVerifier, parseHeader, type Bad, type Report } from './lib/domain/audit/verify.ts';

type Anchor = AnchorFile | AnchorCopy;

/** What was found, as `--json` prints it. */
type Outcome = Report & {
    chain_kind: string;
    chain_id: string;
    after_seq: number;
    signatures: 'good' | 'not checked';
    /** Records a second. */
    speed: number;
};

/** Ends the run with exit code 2 and a sentence. */
class CannotVerify extends Error {}

const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');
const USAGE =
    'npm run audit:verify -- export.jsonl --anchor FILE [--anchor FILE …] [--keys FILE|URL] [--json]';

async function main(): Promise<void> {
    const { values, positionals } = commandLine();
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new CannotVerify(`Usage: ${USAGE}`);
    const keys = values.keys === undefined ? null : await readKeys(values.keys);
    const anchors = (await Promise.all((values.anchor ?? []).map(readAnchors))).flat();

    const outcome = await verify(file, anchors, keys);
    console.log(values.json ? JSON.stringify(outcome) : sentences(outcome, anchors.length > 0).join('\n'));
    process.exitCode = outcome.bad === null ? 0 : 1;
}

function commandLine() {
    try {
        return parseArgs({
            allowPositionals: true,
            options: {
                anchor: { type: 'string', multiple: true },
                keys: { type: 'string' },
                json: { type: 'boolean', default: false }
            }
        });
    } catch (cause) {
        throw new CannotVerify(`${messageOf(cause)}\nUsage: ${USAGE}`);
    }
}

async function verify(file: string, anchors: Anchor[], keys: PublicKey[] | null): Promise<Outcome> {
    const lines = linesOf(file);
    const { value: first = [] } = await lines.next();
    const header = parseHeader(first[0] ?? '');
    if (header === null) throw new CannotVerify(`${file} is no export of an audit trail.`);

    const faulty = await firstFault(anchors, keys, header.chain_id);
    const heads = anchors.flatMap((anchor) => {
        const head = headIn(anchor, header.chain_id);
        return head === null ? [] : [{ ...head, number: anchor.number, at: anchor.at }];
    });
    const began = performance.now();
    const verifier = exportVerifier(header, heads, sha256, new Date());
    let isGood = takeAll(first.slice(1), verifier.take);
    while (isGood) {
        const { value, done } = await lines.next();
        if (done === true) break;
        isGood = takeAll(value, verifier.take);
    }
    await lines.return(undefined);
    const report = verifier.finish();
    const { chain_kind, chain_id, after_seq } = header;
    return {
        ...report,
        chain_kind,
        chain_id,
        after_seq,
        // A record that is bad is worse news than an anchor that is.
        bad: report.bad ?? faulty,
        signatures: keys === null ? 'not checked' : 'good',
        speed: Math.round((report.checked * 1000) / Math.max(performance.now() - began, 1))
    };
}

function takeAll(lines: readonly string[], take: (line: string) => boolean): boolean {
    for (const line of lines) if (line !== '' && !take(line)) return false;
    return true;
}

/** The first anchor that is not genuine, or is the file of another chain. */
async function firstFault(
    anchors: readonly Anchor[],
    keys: readonly PublicKey[] | null,
    chainId: string
): Promise<Bad | null> {
    const bad = ({ number }: Anchor, what: string): Bad => ({
        seq: null,
        record_id: null,
        reason: 'anchor_differs',
        detail: `anchor ${number} is not genuine: ${what}`
    });
    for (const anchor of anchors) {
        const fault = await anchorFault(anchor, keys, sha256);
        if (fault !== null) return bad(anchor, fault);
        if ('head' in anchor && anchor.head.chain_id !== chainId) {
            return bad(anchor, `it is the anchor of chain ${anchor.head.chain_id}, not of this one`);
        }
    }
    const fork = forkIn(anchors, sha256);
    return fork === null ? null : bad(fork, 'it does not continue the anchor before it');
}

/** The lines of a file, a block of them at a time, since a call a line would cost more than the checking. */
async function* linesOf(file: string): AsyncGenerator<string[], void, undefined> {
    const stream = createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 });
    let rest = '';
    try {
        for await (const chunk of stream as AsyncIterable<string>) {
            const lines = (rest + chunk).split('\n');
            rest = lines.pop() ?? '';
            if (lines.length > 0) yield lines;
        }
    } catch (cause) {
        throw new CannotVerify(`${file} can't be read: ${messageOf(cause)}`);
    }
    if (rest !== '') yield [rest];
}

/** A file of one anchor, or of one a line. */
async function readAnchors(file: string): Promise<Anchor[]> {
    const text = await readText(file);
    const whole = parseJson(text);
    const values = whole === undefined ? text.split('\n').filter(Boolean).map(parseJson) : [whole];
    return values.map((value) => {
        const anchor = parseAnchor(value);
        if (anchor === null) throw new CannotVerify(`${file} is no file of anchors.`);
        return anchor;
    });
}

async function readKeys(place: string): Promise<PublicKey[]> {
    const keys = parseKeys(
        parseJson(/^https?:\/\//.test(place) ? await fetchText(place) : await readText(place))
    );
    if (keys === null) throw new CannotVerify(`${place} holds no published keys.`);
    return keys;
}

async function fetchText(address: string): Promise<string> {
    try {
        const answer = await fetch(address, { signal: AbortSignal.timeout(20_000) });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        return await answer.text();
    } catch (cause) {
        throw new CannotVerify(`${address} can't be read: ${messageOf(cause)}`);
    }
}

async function readText(file: string): Promise<string> {
    try {
        return await readFile(file, 'utf8');
    } catch (cause) {
        throw new CannotVerify(`${file} can't be read: ${messageOf(cause)}`);
    }
}

function parseJson(text: string): unknown {
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
}

function sentences(outcome: Outcome, hasAnchors: boolean): string[] {
    const { bad, checked, chain_kind, chain_id, after_seq, head, erased, anchored, unanchored } = outcome;
    if (bad !== null) {
        const place =
            bad.seq === null
                ? ''
                : ` at record ${bad.seq}${bad.record_id === null ? '' : ` (id ${bad.record_id})`}`;
        return [`BAD${place}: ${bad.reason}. ${capital(bad.detail)}.`];
    }
    const range = checked === 0 ? '' : `, ${after_seq + 1} to ${head.seq}`;
    return [
        `Chain of ${chain_kind} ${chain_id}: ${count(checked, 'record')}${range}. Nothing was changed, left out or added.`,
        ...(after_seq > 0
            ? [
                  `Records 1 to ${after_seq} are not in this export: months older than the time of keeping are dropped.`
              ]
            : []),
        ...(erased > 0 ? [`${count(erased, 'value')} erased; the chain holds without them.`] : []),
        anchored === null
            ? hasAnchors
                ? 'No anchor that was given stands over these records: their past can be claimed by nobody.'
                : 'No anchor was given (--anchor FILE): the chain fits together, but nothing outside vouches for it.'
            : `Anchor ${anchored.number} vouches for everything up to record ${anchored.seq}.`,
        ...(outcome.signatures === 'good' || !hasAnchors
            ? []
            : ['Signatures were not checked: give the published keys with --keys FILE or URL.']),
        ...(anchored !== null && unanchored > 0
            ? [
                  `${count(unanchored, 'record')} came after the last anchor, ${anchored.seq + 1} to ${head.seq}: for these nothing outside vouches yet.`
              ]
            : [])
    ];
}

const count = (number: number, noun: string): string =>
    `${number.toLocaleString('en-GB')} ${noun}${number === 1 ? '' : 's'}`;
const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

main().catch((failure: unknown) => {
    console.error(failure instanceof CannotVerify ? failure.message : failure);
    process.exitCode = 2;
});
