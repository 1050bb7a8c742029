import Bowser from 'bowser';
import { describe, expect, it } from 'vitest';
import { deviceInWords } from './agent.ts';

const names = { browsers: Object.values(Bowser.BROWSER_MAP), systems: Object.values(Bowser.OS_MAP) };
const said = (agent: string) => deviceInWords(Bowser.parse(agent), names);

describe('a device', () => {
    it.each([
        [
            'Safari on iPhone',
            'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1'
        ],
        [
            'Chrome on Android',
            'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'
        ],
        [
            'Microsoft Edge on Windows',
            'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0'
        ],
        ['Firefox on Linux', 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0']
    ])('is told in words: %s', (words, agent) => {
        expect(said(agent)).toBe(words);
    });

    it.each([
        'Your account is closed, go to evil.example/now (at once)',
        'evil.example/1.0 x',
        '<b>bold</b>/1 (x)',
        '-',
        '\u0000'
    ])('that gives words of its own instead of a name has none: %j', (agent) => {
        expect(said(agent)).toBeNull();
    });

    it('that tells only half is told by that half', () => {
        expect(deviceInWords({ browser: {}, os: { name: 'Linux' }, platform: {} }, names)).toBe('Linux');
        expect(
            deviceInWords({ browser: { name: 'Firefox' }, os: {}, platform: { model: 'X-9' } }, names)
        ).toBe('Firefox');
    });
});
