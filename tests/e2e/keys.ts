// A browser's own software authenticator (Chrome DevTools Protocol, domain WebAuthn), for tests of passkeys and security keys.
import type { Page } from '@playwright/test';

export type VirtualKey = {
    /** How many keys are on it. */
    count(): Promise<number>;
    /** Takes all keys off it, and gives back what puts them there again. The browser then says what it says of a cancelled prompt. */
    forget(): Promise<() => Promise<void>>;
};

/**
 * Puts an authenticator into the page's browser: a phone's own, which keeps passkeys and checks its holder, or a security
 * key in a USB socket, which is only touched.
 */
export async function aVirtualKey(page: Page, kind: 'phone' | 'security key'): Promise<VirtualKey> {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    const isPhone = kind === 'phone';
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
        options: {
            protocol: 'ctap2',
            transport: isPhone ? 'internal' : 'usb',
            hasResidentKey: isPhone,
            hasUserVerification: isPhone,
            isUserVerified: isPhone,
            automaticPresenceSimulation: true
        }
    });
    const held = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
    return {
        count: async () => (await held()).length,
        async forget() {
            const before = await held();
            await cdp.send('WebAuthn.clearCredentials', { authenticatorId });
            return async () => {
                for (const credential of before)
                    await cdp.send('WebAuthn.addCredential', { authenticatorId, credential });
            };
        }
    };
}

/** The page's script has come: a press from now on asks the authenticator. */
export const isReady = (page: Page): Promise<void> => page.locator('form[data-ready]').first().waitFor();
