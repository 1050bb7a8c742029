import { dictionary } from '@zxcvbn-ts/language-common';
import { describe, expect, it } from 'vitest';
import { mostCommon } from './common-passwords.ts';

describe('[AUTH-3] the most common passwords', () => {
    it('are twenty thousand, in lower case, and none too short to say anything', () => {
        const common = mostCommon(dictionary['passwords-common'] as readonly string[]);
        expect(common.size).toBe(20_000);
        for (const word of ['password', '1234567890', 'qwertyuiop', 'letmein'])
            expect(common.has(word), word).toBe(true);
        expect([...common].filter((word) => word !== word.toLowerCase() || word.length < 4)).toEqual([]);
    });
});
