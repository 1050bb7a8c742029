import { describe, expect, it } from 'vitest';
import { readSettings, WrongSettings } from './settings.ts';

const good = {
    SUPABASE_URL: 'http://127.0.0.1:54321',
    SUPABASE_PUBLISHABLE_KEY: 'sb_publishable_abc',
    TF_CONTEXT_KEY: 'ab'.repeat(32),
    ORIGIN: 'https://app.example.co.uk/'
};

describe('settings', () => {
    it('are parsed, with sensible values for what may be left out', () => {
        const settings = readSettings(good);
        expect(settings.ORIGIN).toBe('https://app.example.co.uk');
        expect(settings.PORT).toBe(3000);
        expect(settings.STAND_INS).toEqual([]);
        expect(settings.SIGN_IN_WITH).toEqual(['google', 'apple', 'azure']);
        expect(settings.TRUSTED_PROXIES.rules).toEqual([]);
    });

    it.each([
        ['SUPABASE_URL', undefined, 'SUPABASE_URL is not set.'],
        [
            'SUPABASE_URL',
            'localhost',
            'SUPABASE_URL must be an address that begins with http:// or https://.'
        ],
        ['TF_CONTEXT_KEY', 'short', 'TF_CONTEXT_KEY must be 64 hexadecimal digits.'],
        ['TRUSTED_PROXIES', '10.0.0.0/33', '"10.0.0.0/33" is none'],
        ['TRUSTED_PROXIES', 'proxy.local', '"proxy.local" is none'],
        ['STAND_INS', 'stripe,paypal', 'STAND_INS must be a comma list'],
        ['SIGN_IN_WITH', 'google, myspace', 'SIGN_IN_WITH must be a comma list'],
        ['PORT', 'many', 'PORT must be a number.'],
        ['TLS_CERT_FILE', 'cert.pem', 'TLS_CERT_FILE and TLS_KEY_FILE belong together']
    ])('a wrong %s (%s) stops the start with a sentence that names it', (name, value, sentence) => {
        expect(() => readSettings({ ...good, [name]: value })).toThrow(WrongSettings);
        expect(() => readSettings({ ...good, [name]: value })).toThrow(sentence);
    });

    it('refuse a secret key and do not repeat it', () => {
        const start = () => readSettings({ ...good, SUPABASE_PUBLISHABLE_KEY: 'sb_secret_canary' });
        expect(start).toThrow('the web tier must hold none');
        expect(start).not.toThrow('canary');
    });
});
