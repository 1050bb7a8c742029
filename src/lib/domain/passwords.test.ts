import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lengthWeakness, normalPassword, weaknessInWords, weaknessOf } from './passwords.ts';

const common = new Set([
    'password',
    'letmein',
    'sunshine',
    'elephant',
    'monkey',
    'arsenal',
    'qwertyuiop',
    '2019'
]);
const own = ['Kim Osei', 'Bell Lane Electrical', 'kim@belllane.example', 'TradersFlow'];
const judged = (password: string) => weaknessOf(normalPassword(password), common, own);

describe('[AUTH-3] a password', () => {
    it.each([
        'seven red kettles on',
        'correct horse battery staple',
        'Tr0ub4dor and a hose',
        'пятнадцать ложек мёда',
        'JyT4!k2_pQ9zLw7m',
        'kim likes her van blue',
        'sunshine elephant monkey 8'
    ])('that nobody expects is taken, with any signs and without a rule for them: %s', (password) => {
        expect(judged(password)).toBeNull();
    });

    it('has fifteen characters, counted as people count them, and at most 72 bytes', () => {
        expect(judged('zqvxkjbwpmfghy')).toBe('too_short');
        expect(judged('zqvxkjbwpmfghyd')).toBeNull();
        expect(lengthWeakness('🔧'.repeat(14))).toBe('too_short');
        expect(lengthWeakness('🔧'.repeat(15))).toBeNull();
        expect(lengthWeakness('x'.repeat(72))).toBeNull();
        expect(lengthWeakness('x'.repeat(73))).toBe('too_long');
        expect(lengthWeakness('é'.repeat(37))).toBe('too_long');
    });

    it.each([
        'passwordpassword',
        'Password Password 1!',
        'p@ssw0rdp@ssw0rd',
        'letmeinletmeinletmein2019',
        'sunshine-elephant',
        'arsenal1234567890',
        'QWERTYUIOPqwertyuiop',
        'aaaaaaaaaaaaaaaa',
        'abcdefghijklmnop',
        '98765432109876543210',
        '................',
        '1!1!1!1!1!1!1!1!'
    ])('that is tried first is refused, repeated, joined or disguised: %s', (password) => {
        expect(judged(password)).toBe('common');
    });

    it.each([
        'Bell Lane Electrical',
        'belllaneelectrical1',
        'kim.osei.belllane',
        'kim@belllane.example',
        'TradersFlow2026!',
        'tradersflow password',
        'OseiKimOseiKimOsei'
    ])('that is made of the person’s own words is refused: %s', (password) => {
        expect(judged(password)).toBe('own_words');
    });

    it('is refused as a whole or not at all: something unexpected in it makes it good', () => {
        fc.assert(
            fc.property(fc.stringMatching(/^[bcdfghjklmnpqrstvwxz]{6}$/), (odd) => {
                fc.pre(new Set(odd).size === 6 && weaknessOf(`${odd}zzqqzzqqzq`, new Set(), []) === null);
                expect(weaknessOf(`password${odd}letmein`, new Set(['password', 'letmein']), [])).toBeNull();
            })
        );
    });

    it('is the same on every keyboard', () => {
        expect(normalPassword('cafe\u0301 ﬁne ①')).toBe('café fine 1');
        fc.assert(
            fc.property(fc.string({ unit: 'grapheme' }), (text) => {
                expect(normalPassword(normalPassword(text))).toBe(normalPassword(text));
                expect(normalPassword(text.normalize('NFD'))).toBe(normalPassword(text.normalize('NFC')));
            })
        );
    });

    it('that is not good enough is told so in a sentence that says what to do', () => {
        for (const sentence of Object.values(weaknessInWords)) {
            expect(sentence).toMatch(/(Use|Add|Take|Choose) /);
            expect(sentence).not.toMatch(/must|invalid|special character/i);
        }
    });

    it('is judged in no time, whatever is typed', () => {
        const began = performance.now();
        for (const text of ['a'.repeat(72), 'ab'.repeat(36), 'password'.repeat(9), '1'.repeat(72)])
            judged(text);
        expect(performance.now() - began).toBeLessThan(200);
    });
});
