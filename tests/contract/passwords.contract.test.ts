// The range lookup of known passwords, as it is published: at the stand-in, or at the real list when its address is set.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { stack } from '../support/stack.ts';

const list = (process.env.CONTRACT_PWNED_PASSWORDS_URL ?? stack().passwordsUrl).replace(/\/$/, '');
const isStandIn = process.env.CONTRACT_PWNED_PASSWORDS_URL === undefined;

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex').toUpperCase();
const range = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${list}/range/${path}`, { headers: { 'user-agent': 'tradersflow-tests/1', ...headers } });
const linesOf = async (answer: Response) => (await answer.text()).split('\r\n');

describe.skipIf(list === '')('[AUTH-3] the range lookup', () => {
    it('answers every rest of a hash under five digits, with how often it was seen', async () => {
        const hash = sha1('password');
        const answer = await range(hash.slice(0, 5));
        expect(answer.status).toBe(200);
        expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
        const lines = await linesOf(answer);
        expect(lines.length).toBeGreaterThan(300);
        for (const line of lines) expect(line).toMatch(/^[0-9A-F]{35}:\d+$/);
        const own = lines.find((line) => line.startsWith(hash.slice(5)));
        expect(Number(own?.split(':')[1])).toBeGreaterThan(0);
        expect(await linesOf(await range(hash.slice(0, 5).toLowerCase()))).toContain(own);
    });

    it('does not know what nobody has ever used', async () => {
        const hash = sha1(`nobody has this ${Math.random()} ${Date.now()}`);
        const lines = await linesOf(await range(hash.slice(0, 5)));
        expect(lines.filter((line) => line.startsWith(hash.slice(5)))).toEqual([]);
    });

    it('pads an answer with rests that were seen no time, on demand', async () => {
        const lines = await linesOf(await range('ABCDE', { 'add-padding': 'true' }));
        expect(lines.length).toBeGreaterThanOrEqual(800);
        expect(lines.some((line) => line.endsWith(':0'))).toBe(true);
        expect((await linesOf(await range('ABCDE'))).some((line) => line.endsWith(':0'))).toBe(false);
    });

    it.each(['XYZ12', 'ABCD', 'ABCDEF'])('refuses what are no five digits: %s', async (prefix) => {
        const answer = await range(prefix);
        expect(answer.status).toBe(400);
        expect(await answer.text()).toContain('hash prefix was not in a valid format');
    });

    it.runIf(isStandIn)('refuses loudly what the stand-in has not', async () => {
        expect((await range('ABCDE?mode=ntlm')).status).toBe(501);
        for (const path of ['/', '/breaches', '/api/v3/breachedaccount/kim@example.com'])
            expect((await fetch(list + path)).status, path).toBe(404);
    });
});
