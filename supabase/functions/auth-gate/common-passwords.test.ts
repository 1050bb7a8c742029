import { describe, expect, it } from 'vitest';
import { commonPasswordsModule, shippedModule } from '../../../tests/common-passwords.ts';
import { commonPasswords } from './common-passwords.ts';

describe('[AUTH-3] the shipped list', () => {
    it('is the dictionary’s, with twenty thousand entries and its licence', () => {
        expect(shippedModule()).toBe(commonPasswordsModule());
        expect(commonPasswords.size).toBe(20_000);
        expect(shippedModule()).toContain('Permission is hereby granted, free of charge');
        for (const word of ['password', '1234567890', 'qwertyuiop', 'letmein'])
            expect(commonPasswords.has(word), word).toBe(true);
        expect([...commonPasswords].filter((word) => word !== word.toLowerCase())).toEqual([]);
    });
});
