import { describe, expect, it } from 'vitest';
import { openLink, sealLink } from './mail-link.ts';

const key = '0123456789abcdef'.repeat(4);
const older = 'f'.repeat(64);

describe('a link in a mail', () => {
    it('opens to the hash that was sealed, under the old key too while it is being changed', async () => {
        expect(await openLink(await sealLink('pkce_0a1b', [key]), [key])).toBe('pkce_0a1b');
        expect(await openLink(await sealLink('pkce_0a1b', [older]), [key, older])).toBe('pkce_0a1b');
    });

    it('[RATE-1] opens to nothing when anything of it was made up', async () => {
        const link = await sealLink('pkce_0a1b', [key]);
        const [, mac = ''] = link.split('.');
        for (const made of [
            'pkce_0a1b',
            'pkce_0a1b.',
            `pkce_0a1c.${mac}`,
            link.slice(0, -1),
            `${link}.${mac}`,
            ''
        ]) {
            expect(await openLink(made, [key]), made).toBeNull();
        }
        expect(await openLink(await sealLink('pkce_0a1b', [older]), [key])).toBeNull();
    });
});
