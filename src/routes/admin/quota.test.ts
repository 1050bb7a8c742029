import { expect, it } from 'vitest';
import { quotaInWords } from './quota.ts';

it.each([
    [{ quota: 10, period_seconds: 900, grows: false }, '10 in 15 minutes'],
    [{ quota: 20, period_seconds: 86_400, grows: false }, '20 a day'],
    [{ quota: 30, period_seconds: 3_600, grows: false }, '30 an hour'],
    [{ quota: 100, period_seconds: 1, grows: false }, '100 a second'],
    [{ quota: 7, period_seconds: 90, grows: false }, '7 in 90 seconds'],
    [{ quota: 5, period_seconds: 60, grows: true }, '5, then waits that grow from a minute']
])('%o is said as: %s', (limit, said) => {
    expect(quotaInWords(limit)).toBe(said);
});
