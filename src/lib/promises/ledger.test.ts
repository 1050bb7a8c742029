import { describe, expect, it } from 'vitest';
import { areas } from './areas.ts';
import { IDS } from './ids.ts';
import { ledger } from './ledger.ts';
import { AREAS } from './types.ts';

/** How many promises each area has: written down once more, so that none can be lost by losing it everywhere. */
const PROMISED = {
    ISO: 6,
    ACC: 5,
    AUTH: 8,
    RATE: 5,
    FILE: 6,
    PAY: 5,
    HOOK: 5,
    ADM: 4,
    AUD: 7,
    MAIL: 5,
    API: 6,
    PART: 4,
    DATA: 3,
    APP: 4,
    HOST: 8,
    OPS: 5
} as const;

const promised = Object.entries(PROMISED).flatMap(([area, count]) =>
    Array.from({ length: count }, (_, index) => `${area}-${index + 1}`)
);

describe('the ledger', () => {
    it('holds all 86 promises, none lost and none twice', () => {
        expect(promised).toHaveLength(86);
        expect(IDS).toEqual(promised);
        expect(ledger.map(({ id }) => id)).toEqual(promised);
    });

    it('says each of them in a sentence of its own', () => {
        const sentences = ledger.map(({ sentence }) => sentence);
        expect(new Set(sentences).size).toBe(86);
        for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].{20,}\.$/);
    });

    it('calls nothing kept without naming what enforces it and a test by its title', () => {
        const bare = ledger.filter(
            ({ state, enforcedBy, provedBy }) =>
                state === 'kept' && (enforcedBy.length === 0 || !provedBy.some((proof) => 'title' in proof))
        );
        expect(bare.map(({ id }) => id)).toEqual([]);
    });

    it('says of what is not kept yet what is missing, and proves what it says is there', () => {
        for (const row of ledger) {
            if (row.state !== 'not_yet') continue;
            expect(row.missing, row.id).toMatch(/\.$/);
            const behind = row.enforcedBy.length > 0 && row.provedBy.some((proof) => 'title' in proof);
            expect(row.works !== undefined, row.id).toBe(behind);
        }
    });

    it('names of what the hosting keeps the setting and how it is checked, and claims no test for it', () => {
        const hosting = ledger.filter((row) => row.state === 'hosting');
        expect(hosting.map(({ id }) => id)).toEqual(promised.filter((id) => id.startsWith('HOST-')));
        for (const row of hosting) {
            expect(row.setting, row.id).not.toBe('');
            expect(row.checked, row.id).not.toBe('');
            expect(row.provedBy, row.id).toEqual([]);
        }
    });

    it('has plain words for every area', () => {
        expect(areas.map(({ area }) => area)).toEqual([...AREAS]);
    });
});
