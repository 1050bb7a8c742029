import { describe, expect, it } from 'vitest';
import { clientAddress } from './address.ts';
import { readSettings } from './settings.ts';

const trusting = (networks: string) =>
    readSettings({
        SUPABASE_URL: 'http://127.0.0.1:54321',
        SUPABASE_PUBLISHABLE_KEY: 'sb_publishable_abc',
        TF_CONTEXT_KEY: 'ab'.repeat(32),
        ORIGIN: 'http://localhost:3000',
        TRUSTED_PROXIES: networks
    }).TRUSTED_PROXIES;

describe("the client's address", () => {
    it('is the socket’s when no proxy is trusted, whatever a header says', () => {
        expect(clientAddress('203.0.113.9', '198.51.100.1', trusting(''))).toBe('203.0.113.9');
    });

    it('is the right-most one that is no proxy of ours', () => {
        const ours = trusting('10.0.0.0/8, fd00::/8');
        expect(clientAddress('10.0.0.2', '6.6.6.6, 198.51.100.1, 10.1.1.1', ours)).toBe('198.51.100.1');
        expect(clientAddress('::ffff:10.0.0.2', '198.51.100.1', ours)).toBe('198.51.100.1');
        expect(clientAddress('fd00::1', '2001:db8::7', ours)).toBe('2001:db8::7');
    });

    it('carries no name of an interface, which neither a list of proxies nor the database can read', () => {
        expect(clientAddress('fe80::1%eth0', undefined, trusting(''))).toBe('fe80::1');
        expect(clientAddress('fe80::1%eth0', '2001:db8::7%en1', trusting('fe80::/10'))).toBe('2001:db8::7');
    });

    it('ends at our own proxy when what stands before it is no address', () => {
        const ours = trusting('10.0.0.0/8');
        expect(clientAddress('10.0.0.2', 'localhost', ours)).toBe('10.0.0.2');
        expect(clientAddress('10.0.0.2', undefined, ours)).toBe('10.0.0.2');
    });
});
