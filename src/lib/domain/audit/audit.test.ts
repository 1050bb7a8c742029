import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
    anchorFault,
    base64url,
    bytesFromBase64url,
    forkIn,
    headLeaf,
    keyId,
    NO_ANCHOR,
    parseAnchor,
    parseKeys,
    statementHash,
    statementText,
    type AnchorFile
} from './anchor.ts';
import { canonical, chainHasher, isHex, type Element } from './chain.ts';
import { merkleTree, rootOfPath } from './merkle.ts';
import { exportVerifier, parseHeader, type AnchoredHead, type Report } from './verify.ts';

const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');
const hasher = chainHasher(sha256);
const CHAIN = '00000000-0000-7000-8000-000000000001';
const SALT = '000102030405060708090a0b0c0d0e0f';

// The vectors of the doc comments, which another program computed (Python's json, hashlib, hmac and cryptography).
const DIGEST = 'cd4c58cf353981237bab58d13d5e9a5f394cf44a23f12cb37d3f5ab503b5a58c';
const GENESIS = '4b14e2892843f1dc0415db3d73149a284408ebc5b5ca902bcd6d1f81fdeff1b3';
const HASH_1 = '66eb8f2606d6ba98d5256c143dbef1f296ffb16bd71ba1c7401afbec18da7211';
const KEY = {
    kty: 'OKP',
    crv: 'Ed25519',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'
} as const;
const ANCHOR: AnchorFile = {
    format: 'tf-anchor-1',
    number: 1,
    at: '2026-11-22T10:00:00.000Z',
    previous: NO_ANCHOR,
    root: 'c76675afb3ace1085eef8b090fb7aa4d79b98674f45e3b70bb695cc28da2e53e',
    size: 1,
    key: KEY.kid,
    signature: 'maTW0JFuqwDMTne9I_DqZnkCR3XDG5yhEkYYKhQVSqMNS_b6XZ5rhQJz_xrs3tLtGSuvg1Rp7CzdEJazxidDAg',
    head: { chain_id: CHAIN, seq: 1, hash: HASH_1 },
    path: [],
    index: 0
};

describe('the encoding', () => {
    it('[AUD-4] writes a list, its digest and the chain as the vectors say', () => {
        const text = canonical(['tf-audit-1', null, 'é "\\\n\u0001']);
        expect(text).toBe('["tf-audit-1", null, "é \\"\\\\\\n\\u0001"]');
        expect(hasher.digest(text)).toBe(DIGEST);
        expect(hasher.genesis(CHAIN)).toBe(GENESIS);
        expect(hasher.step(GENESIS, 1, DIGEST)).toBe(HASH_1);
        expect(hasher.step(GENESIS, 2 ** 33 + 5, DIGEST)).toBe(
            '08c216882e2020d9db7089b8705a6221ae178d0da1068b8f9b85c1e62c0d0e25'
        );
    });

    it('[AUD-4] commits to a value as the vectors and RFC 4231 say', () => {
        expect(hasher.commitment(SALT, '["Ann", "Anna"]')).toBe(
            '75fa2095eb71be51d4a68cc34a9d612a59192bd216f283b96c0b2da91daec44e'
        );
        expect(hasher.commitment('4a656665', 'what do ya want for nothing?')).toBe(
            '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
        );
        // Test case 6: a key longer than a block is hashed first.
        expect(
            hasher.commitment('aa'.repeat(131), 'Test Using Larger Than Block-Size Key - Hash Key First')
        ).toBe('60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54');
    });

    it('[AUD-4] digests texts of any length and script, whatever came before', () => {
        fc.assert(
            fc.property(fc.string({ unit: 'binary' }), fc.nat({ max: 300 }), (text, times) => {
                const whole = text.repeat(times);
                expect(hasher.digest(whole)).toBe(hash('sha256', whole, 'hex'));
            })
        );
    });

    it('knows hex from other texts', () => {
        expect([isHex('00ff', 2), isHex('00ff'), isHex('')]).toEqual([true, true, true]);
        expect([isHex('00FF'), isHex('0'), isHex('00', 2), isHex('0g'), isHex(7)]).toEqual(
            Array(5).fill(false)
        );
    });
});

describe('the tree', () => {
    it('[AUD-4] has the root of the vector', () => {
        const tree = merkleTree(['a', 'b', 'c'], sha256);
        expect(tree.root).toBe('36642e73c2540ab121e3a6bf9545b0a24982cd830eb13d3cd19de3ce6c021ec1');
        expect(tree.paths.map((path) => path.length)).toEqual([2, 2, 1]);
    });

    it('[AUD-4] leads every leaf to the root by its path, and no other leaf, place, size or path', () => {
        fc.assert(
            fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), (size, pick) => {
                const leaves = Array.from({ length: size }, (_, index) => `leaf ${index}`);
                const { root, paths } = merkleTree(leaves, sha256);
                const index = pick % size;
                const path = paths[index] ?? [];
                const at = (leaf: string, place: number, of: number, along: readonly string[]) =>
                    rootOfPath(leaf, place, of, along, sha256);
                expect(at(`leaf ${index}`, index, size, path)).toBe(root);
                expect(at('another leaf', index, size, path)).not.toBe(root);
                expect(at(`leaf ${index}`, index, size, [...path, root])).toBe(null);
                expect(at(`leaf ${index}`, size, size, path)).toBe(null);
                expect(at(`leaf ${index}`, -1, size, path)).toBe(null);
                if (size > 1) {
                    expect(at(`leaf ${index}`, (index + 1) % size, size, path)).not.toBe(root);
                    expect(at(`leaf ${index}`, index, size, path.slice(1))).not.toBe(root);
                }
            })
        );
        expect(() => merkleTree([], sha256)).toThrow(RangeError);
    });
});

describe('an anchor', () => {
    const faultOf = (change: Partial<AnchorFile>, keys = [KEY] as const) =>
        anchorFault({ ...ANCHOR, ...change }, [...keys], sha256);

    it('[AUD-4] has the leaf, statement, key name and signature of the vectors', async () => {
        expect(headLeaf(ANCHOR.head)).toBe(`["tf-head-1", "${CHAIN}", "1", "${HASH_1}"]`);
        expect(statementText(ANCHOR)).toBe(
            `["tf-anchor-1", "1", "2026-11-22T10:00:00.000Z", "${NO_ANCHOR}", "${ANCHOR.root}", "1", "${KEY.kid}"]`
        );
        expect(statementHash(ANCHOR, sha256)).toBe(
            'ca9586800af168ecbf2de7b963c052e895d904f72a8fca2fb302cc745cdd8b07'
        );
        expect(keyId(KEY.x, sha256)).toBe(KEY.kid);
        expect(await faultOf({})).toBe(null);
    });

    it('[AUD-4] is not genuine once any part of it was changed', async () => {
        const otherRoot = merkleTree([headLeaf({ ...ANCHOR.head, seq: 2 })], sha256).root;
        const changes: Partial<AnchorFile>[] = [
            { number: 2 },
            { at: '2026-11-22T10:00:00.001Z' },
            { previous: HASH_1 },
            { root: otherRoot },
            { root: otherRoot, head: { ...ANCHOR.head, seq: 2 } },
            { size: 2 },
            { index: 1 },
            { path: [HASH_1] },
            { key: KEY.x },
            { head: { ...ANCHOR.head, seq: 2 } },
            { head: { ...ANCHOR.head, hash: GENESIS } },
            { head: { ...ANCHOR.head, chain_id: CHAIN.replace('1', '2') } },
            { signature: ANCHOR.signature.replace('maTW', 'maTX') },
            { signature: ANCHOR.signature.replace(/Ag$/, 'Ah') },
            { signature: '' }
        ];
        for (const change of changes) expect(await faultOf(change), JSON.stringify(change)).not.toBe(null);
    });

    it('[AUD-4] is not vouched for by another key under the same name', async () => {
        const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair;
        const { x = '' } = await crypto.subtle.exportKey('jwk', pair.publicKey);
        const signed = await crypto.subtle.sign(
            'Ed25519',
            pair.privateKey,
            new TextEncoder().encode(statementText(ANCHOR))
        );
        const forged = { ...ANCHOR, signature: base64url(new Uint8Array(signed)) };
        expect(await anchorFault(forged, [{ ...KEY, x }], sha256)).toMatch(/not one of the published keys/);
        expect(await anchorFault(forged, [KEY], sha256)).toMatch(/signature/);
        const own = { ...ANCHOR, key: keyId(x, sha256) };
        expect(await anchorFault(own, [KEY], sha256)).toMatch(/not one of the published keys/);
    });

    it('in the operator’s copy stands for every head of its tree', async () => {
        const { head, path: _path, index: _index, ...signed } = ANCHOR;
        expect(await anchorFault({ ...signed, heads: [head] }, [KEY], sha256)).toBe(null);
        expect(await anchorFault({ ...signed, heads: [head, head] }, [KEY], sha256)).not.toBe(null);
        expect(await anchorFault({ ...signed, heads: [] }, [KEY], sha256)).not.toBe(null);
    });

    it('[AUD-4] continues the one before it, or is a fork', () => {
        const second = { ...ANCHOR, number: 2, previous: statementHash(ANCHOR, sha256) };
        expect(forkIn([ANCHOR, second], sha256)).toBe(null);
        expect(forkIn([second, ANCHOR, ANCHOR], sha256)).toBe(null);
        expect(forkIn([ANCHOR, { ...second, number: 3 }], sha256)).toBe(null);
        expect(forkIn([{ ...second, number: 1 }], sha256)).not.toBe(null);
        expect(forkIn([ANCHOR, { ...second, previous: HASH_1 }], sha256)).not.toBe(null);
        expect(forkIn([ANCHOR, { ...ANCHOR, root: HASH_1 }], sha256)).not.toBe(null);
    });

    it('is read strictly', () => {
        expect(parseAnchor(JSON.parse(JSON.stringify(ANCHOR)))).toEqual(ANCHOR);
        const wrong = [
            { format: 'tf-anchor-2' },
            { number: 0 },
            { root: 'ff' },
            { path: ['x'] },
            { head: null }
        ];
        for (const change of wrong) expect(parseAnchor({ ...ANCHOR, ...change })).toBe(null);
        expect([parseAnchor(null), parseAnchor([]), parseAnchor('x')]).toEqual([null, null, null]);
        expect(parseKeys({ keys: [KEY, { kty: 'RSA' }] })).toEqual([KEY]);
        expect([parseKeys({}), parseKeys(null)]).toEqual([null, null]);
        expect([bytesFromBase64url('a'), bytesFromBase64url('a+'), bytesFromBase64url('ab')]).toEqual([
            null,
            null,
            null
        ]);
    });
});

type Made = { seq: number | null; hash: string | null; record: Element[] | null; values: object };

/** An honest export of `length` records, each with two values. */
function anExport(length: number, chain = CHAIN): { header: string; lines: Made[] } {
    const after_hash = hasher.genesis(chain);
    let last = after_hash;
    const lines = Array.from({ length }, (_, index) => {
        const values = {
            '@from': [SALT, '["203.0.113.7", "Vitest"]'],
            name: [SALT, `["${index}", "${index + 1}"]`]
        };
        const commitments = Object.entries(values)
            .map(([name, [salt = '', text = '']]) => `${name}:${hasher.commitment(salt, text)}`)
            .join(' ');
        const times = [
            '2026-11-22T10:00:00.000001',
            '2026-11-22T10:00:00',
            '771',
            'person',
            CHAIN,
            null,
            'app',
            true,
            null
        ];
        const what = ['customer.updated', 'ok', 'customer', CHAIN, 'customer', CHAIN, false, commitments];
        const record = ['tf-audit-1', 'account', chain, 100 + index, ...times, ...what];
        last = hasher.step(last, index + 1, hasher.digest(canonical(record)));
        return { seq: index + 1, hash: last, record, values };
    });
    const header = {
        format: 'tf-audit-1',
        chain_kind: 'account',
        chain_id: chain,
        exported_at: 'now',
        after_seq: 0,
        after_hash
    };
    return { header: JSON.stringify(header), lines };
}

function verify(header: string, lines: readonly unknown[], anchors: AnchoredHead[] = []): Report {
    const parsed = parseHeader(header);
    if (parsed === null) throw new Error('no header');
    const verifier = exportVerifier(parsed, anchors, sha256, new Date('2026-11-22T12:00:00Z'));
    for (const line of lines) verifier.take(typeof line === 'string' ? line : JSON.stringify(line));
    return verifier.finish();
}

describe('an export', () => {
    const honest = anExport(6);
    const anchorAt = (seq: number, number = seq): AnchoredHead => ({
        number,
        at: '2025-11-01T00:00:00.000Z',
        chain_id: CHAIN,
        seq,
        hash: honest.lines[seq - 1]?.hash ?? ''
    });
    const changed = (change: (lines: Made[]) => void): Made[] => {
        const lines = structuredClone(honest.lines);
        change(lines);
        return lines;
    };
    const verdict = (lines: readonly unknown[], anchors: AnchoredHead[] = []) => {
        const { bad } = verify(honest.header, lines, anchors);
        return bad && [bad.seq, bad.reason];
    };

    it('[AUD-4] that is honest passes, and tells what came after the last anchor', () => {
        const report = verify(honest.header, honest.lines, [anchorAt(2), anchorAt(4)]);
        expect(report).toEqual({
            checked: 6,
            erased: 0,
            head: { seq: 6, hash: honest.lines[5]?.hash },
            anchored: { number: 4, seq: 4 },
            unanchored: 2,
            bad: null
        });
        expect(verify(honest.header, []).bad).toBe(null);
    });

    it('[AUD-5] whose values were erased passes and says how many', () => {
        const lines = changed((all) => {
            all[1]!.values = {};
            all[3]!.values = { '@from': [SALT, '["203.0.113.7", "Vitest"]'] };
        });
        const report = verify(honest.header, lines, [anchorAt(6)]);
        expect([report.bad, report.erased, report.checked]).toEqual([null, 3, 6]);
    });

    it('[AUD-4] that begins later passes from there on', () => {
        const parsed = JSON.parse(honest.header) as object;
        const header = JSON.stringify({ ...parsed, after_seq: 3, after_hash: honest.lines[2]?.hash });
        const report = verify(header, honest.lines.slice(3), [anchorAt(2), anchorAt(3), anchorAt(6)]);
        expect([report.bad, report.checked, report.anchored]).toEqual([null, 3, { number: 6, seq: 6 }]);
        const young = { ...anchorAt(2), at: '2026-06-01T00:00:00.000Z' };
        expect(verify(header, honest.lines.slice(3), [young]).bad).toMatchObject({
            seq: 1,
            reason: 'link_missing'
        });
        const forged = JSON.stringify({ ...parsed, after_seq: 3, after_hash: GENESIS });
        expect(verify(forged, honest.lines.slice(3), [anchorAt(3)]).bad?.reason).toBe('head_differs');
    });

    it.each([
        [
            'a changed record',
            (all: Made[]) => (all[2]!.record![12] = 'another request'),
            [3, 'record_changed']
        ],
        [
            'a changed last record',
            (all: Made[]) => (all[5]!.record![13] = 'customer.created'),
            [6, 'record_changed']
        ],
        ['a changed commitment', (all: Made[]) => (all[2]!.record![20] = ''), [3, 'record_changed']],
        ['a changed link', (all: Made[]) => (all[2]!.hash = GENESIS), [3, 'link_changed']],
        ['a changed last link', (all: Made[]) => (all[5]!.hash = GENESIS), [6, 'record_changed']],
        [
            'a changed value',
            (all: Made[]) => (all[2]!.values = { name: [SALT, '["1", "9"]'] }),
            [3, 'value_changed']
        ],
        [
            'a changed salt',
            (all: Made[]) => (all[2]!.values = { name: ['00', '["2", "3"]'] }),
            [3, 'value_changed']
        ],
        [
            'a value never committed to',
            (all: Made[]) => (all[2]!.values = { constructor: [SALT, ''] }),
            [3, 'value_changed']
        ],
        ['a missing line', (all: Made[]) => all.splice(2, 1), [3, 'link_missing']],
        ['a missing first line', (all: Made[]) => all.splice(0, 1), [1, 'link_missing']],
        ['a repeated line', (all: Made[]) => all.splice(2, 0, all[1]!), [3, 'link_out_of_order']],
        ['a missing record', (all: Made[]) => (all[2]!.record = null), [3, 'record_missing']],
        [
            'a missing record after a changed one',
            (all: Made[]) => {
                all[1]!.record![12] = 'x';
                all[2]!.record = null;
            },
            [2, 'record_changed']
        ],
        [
            'swapped records',
            (all: Made[]) => ([all[1]!.record, all[2]!.record] = [all[2]!.record, all[1]!.record]),
            [2, 'record_changed']
        ],
        [
            'a record outside the chain',
            (all: Made[]) => all.push({ ...all[1]!, seq: null, hash: null }),
            [null, 'record_unlinked']
        ],
        ['a line that is none', (all: Made[]) => (all[2] = [] as unknown as Made), [3, 'unreadable']],
        ['a line without a hash', (all: Made[]) => (all[2]!.hash = null), [3, 'unreadable']],
        ['a record that is too short', (all: Made[]) => all[2]!.record!.pop(), [3, 'unreadable']]
    ])('[AUD-4] with %s is bad there and for that reason', (_, change, expected) => {
        expect(verdict(changed(change))).toEqual(expected);
    });

    it('[AUD-4] whose last hash was changed alone is known by an anchor', () => {
        const lines = changed((all) => (all[5]!.hash = GENESIS));
        expect(verdict(lines, [anchorAt(6)])).toEqual([6, 'link_changed']);
    });

    it('[AUD-4] that was rewritten with valid hashes is found by an anchor, and only by one', () => {
        const rewritten = anExport(6).lines;
        let last = GENESIS;
        for (const line of rewritten) {
            line.record![12] = 'forged';
            last = line.hash = hasher.step(last, line.seq!, hasher.digest(canonical(line.record!)));
        }
        expect(verdict(rewritten)).toBe(null);
        expect(verdict(rewritten, [anchorAt(4)])).toEqual([4, 'head_differs']);
    });

    it('[AUD-4] whose tail was cut is found by an anchor', () => {
        expect(verdict(honest.lines.slice(0, 3), [anchorAt(2), anchorAt(5)])).toEqual([4, 'cut_tail']);
        expect(verdict([], [anchorAt(1)])).toEqual([1, 'cut_tail']);
    });

    it('[AUD-4] of another chain does not pass for this one', () => {
        const other = anExport(6, CHAIN.replace(/1$/, '2'));
        expect(verdict(other.lines)).toEqual([1, 'record_changed']);
    });

    it('[AUD-4] with any single change anywhere in record, hash or value is bad', () => {
        fc.assert(
            fc.property(fc.nat({ max: 5 }), fc.nat({ max: 22 }), fc.string(), (row, place, text) => {
                const lines = changed((all) => {
                    const line = all[row]!;
                    if (place < 21) line.record![place] = text;
                    else if (place === 21) line.hash = text;
                    else line.values = { ...line.values, name: [SALT, text] };
                });
                expect(verdict(lines, [anchorAt(6)])).not.toBe(null);
            })
        );
    });

    it('has a header of its own form', () => {
        expect(parseHeader('x')).toBe(null);
        expect(parseHeader('{"format":"tf-audit-2"}')).toBe(null);
        expect(parseHeader(honest.header.replace(GENESIS, 'ff'))).toBe(null);
    });
});
