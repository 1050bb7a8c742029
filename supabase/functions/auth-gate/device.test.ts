import { describe, expect, it } from 'vitest';
import { signContext } from '../_shared/context.ts';
import { deviceOf, knows, proofFor, type Device } from './device.ts';

const key = '0123456789abcdef'.repeat(4);
const other = 'f'.repeat(64);
const sam = 'sam@mail.example';

async function deviceWith(...logins: readonly string[]): Promise<{ proof: string; device: Device }> {
    let device: Device | null = null;
    let proof = '';
    for (const login of logins) {
        proof = await proofFor(device, login, [key]);
        device = await deviceOf(proof, [key]);
    }
    if (device === null) throw new Error('no device');
    return { proof, device };
}

describe('[RATE-1] a device’s proof', () => {
    it('says who signed in from it, and nothing of anybody else', async () => {
        const { device } = await deviceWith(sam, 'kim@mail.example');
        expect(await knows(device, sam, [key])).toBe(true);
        expect(await knows(device, 'kim@mail.example', [key])).toBe(true);
        expect(await knows(device, 'lee@mail.example', [key])).toBe(false);
        expect(await knows(device, null, [key])).toBe(true);
    });

    it('shows no login', async () => {
        const { proof } = await deviceWith(sam);
        expect(proof).toMatch(/^[0-9a-f]{32}\.[\w-]{22}\.[\w-]{43}$/);
        expect(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString('latin1')).not.toContain('sam');
        const { proof: elsewhere } = await deviceWith(sam);
        expect(elsewhere.split('.')[1]).not.toBe(proof.split('.')[1]);
    });

    it('is worth nothing with a letter changed, cut, made up, or with another’s tag in it', async () => {
        const { proof } = await deviceWith(sam);
        const { proof: stranger } = await deviceWith('lee@mail.example');
        const [id = '', tags = '', mac = ''] = proof.split('.');
        const [theirId = '', theirTags = '', theirMac = ''] = stranger.split('.');
        const made = [
            null,
            '',
            proof.slice(0, -1),
            `${id}.${tags}`,
            `${theirId}.${tags}.${mac}`,
            `${theirId}.${tags}.${theirMac}`,
            `${theirId}.${theirTags}~${tags}.${theirMac}`,
            `${id}.${tags}.${'A'.repeat(43)}`
        ];
        for (const one of made) expect(await deviceOf(one, [key]), String(one)).toBeNull();
        expect(await deviceOf(proof, [other]), 'by another key').toBeNull();
    });

    it('is no context, and a context is no proof', async () => {
        const context = { ip: null, ua: null, rid: 'x', sid: null, iat: 0, via: 'app' } as const;
        expect(await deviceOf(await signContext(context, [key]), [key])).toBeNull();
    });

    it('outlives a change of the key, and is made anew by the new one', async () => {
        const { proof } = await deviceWith(sam);
        const device = await deviceOf(proof, [other, key]);
        expect(device && (await knows(device, sam, [other, key]))).toBe(true);
        const renewed = await deviceOf(await proofFor(device, sam, [other, key]), [other]);
        expect(renewed?.id).toBe(device?.id);
        expect(renewed && (await knows(renewed, sam, [other]))).toBe(true);
    });

    it('keeps the seven logins that were used last, and stays short', async () => {
        const logins = Array.from({ length: 8 }, (_, n) => `person-${n}@mail.example`);
        const { proof, device } = await deviceWith(...logins.slice(0, 7), logins[0] ?? '', logins[7] ?? '');
        expect(proof.length).toBeLessThanOrEqual(300);
        const known = await Promise.all(logins.map((login) => knows(device, login, [key])));
        expect(known).toEqual([true, false, true, true, true, true, true, true]);
    });
});
