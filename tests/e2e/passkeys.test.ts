// Passkeys on a phone, by the keyboard alone, with the authenticator that Chromium itself plays.
import { expect, type Page } from '@playwright/test';
import { aBusiness } from '../support/business.ts';
import { aVirtualKey, isReady } from './keys.ts';
import { lookAt, mailTo, test } from './support.ts';

test.use({ viewport: { width: 360, height: 780 } });

async function signInByPassword(page: Page, { email, password }: { email: string; password: string }) {
    await page.goto('/sign-in/password');
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\/today$/);
}

/** Signed out, as far as the browser knows; what it keeps of passkeys stays. */
const signOut = (page: Page) => page.context().clearCookies({ name: /^__Host-tf(\.\d+)?$/ });

test('[AUTH-4] [AUTH-1] a passkey is made, signs in by the keyboard alone, and opens nothing once it is removed', async ({
    page
}) => {
    const { owner } = await aBusiness();
    const phone = await aVirtualKey(page, 'phone');
    page.on('console', (message) => {
        // Chromium writes every answer over 399 there; two are what this test is about.
        if (message.type() === 'error' && !/status of 4\d\d/.test(message.text()))
            throw new Error(`On ${page.url()}: ${message.text()}`);
    });
    await signInByPassword(page, owner);
    await page.goto('/more/security');
    await lookAt(page);
    await page.getByRole('link', { name: 'Make a passkey' }).press('Enter');
    await expect(page.getByRole('heading', { name: 'Make a passkey' })).toBeVisible();
    await lookAt(page);
    await isReady(page);
    await page.getByLabel('What do you call it?').fill('My phone');
    await page.keyboard.press('Enter');
    await expect(page.getByText('Your passkey is made.')).toBeVisible();
    expect(await phone.count()).toBe(1);
    await expect(page.getByRole('list', { name: 'Passkeys' })).toContainText('My phone');
    await lookAt(page);
    expect((await mailTo(owner.email, /A passkey was added/)).text).toContain('My phone');

    // The same phone makes no second one.
    await page.getByRole('link', { name: 'Make another' }).press('Enter');
    await isReady(page);
    await page.getByRole('button', { name: 'Make the passkey' }).press('Enter');
    await expect(page.getByText('That one is set up here already.')).toBeVisible();

    // Whoever cancels, or has none on this device, is told so and goes on as before.
    await signOut(page);
    await page.context().clearCookies({ name: '__Host-tf-passkey' });
    await page.goto('/sign-in?next=/jobs');
    const restore = await phone.forget();
    const button = page.getByRole('button', { name: 'Use a passkey' });
    await isReady(page);
    await button.press('Enter');
    await expect(page.getByText('Nothing has happened.')).toBeVisible();
    await lookAt(page);
    await expect(page).toHaveURL(/\/sign-in\?next=/);
    await restore();
    await button.press('Enter');
    await expect(page).toHaveURL(({ pathname }) => pathname === '/jobs');

    await page.goto('/more/security/passkeys');
    await lookAt(page);
    await page.getByRole('textbox', { name: 'Name' }).fill('Old phone');
    await page.keyboard.press('Enter');
    await expect(page.getByText('The passkey has its new name.')).toBeVisible();
    await page.getByRole('link', { name: 'Rename or remove' }).press('Enter');
    await page.getByRole('button', { name: 'Remove Old phone' }).press('Enter');
    await expect(page.getByText('That passkey is gone.')).toBeVisible();

    await signOut(page);
    await page.context().clearCookies({ name: '__Host-tf-passkey' });
    await page.goto('/sign-in');
    await isReady(page);
    await page.getByRole('button', { name: 'Use a passkey' }).press('Enter');
    await expect(page.getByText('We do not know that passkey.')).toBeVisible();
    await lookAt(page);
});

test('[AUTH-1] a passkey is offered where one types the address, in a browser that used one before', async ({
    page
}) => {
    const { owner } = await aBusiness();
    await aVirtualKey(page, 'phone');
    await signInByPassword(page, owner);
    await page.goto('/more/security/passkeys/new');
    await isReady(page);
    await page.getByRole('button', { name: 'Make the passkey' }).press('Enter');
    await expect(page.getByText('Your passkey is made.')).toBeVisible();
    await signOut(page);
    // This authenticator picks the one that a person would pick from the list under the field.
    await page.goto('/sign-in?next=/customers');
    await expect(page).toHaveURL(({ pathname }) => pathname === '/customers');
});

test('[AUTH-1] a browser that knows no passkeys says so, and the other ways stay', async ({ page }) => {
    await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'PublicKeyCredential'));
    await page.goto('/sign-in');
    await isReady(page);
    await page.getByRole('button', { name: 'Use a passkey' }).press('Enter');
    await expect(page.getByText('This browser can’t do that.')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Send me a code' })).toBeEnabled();
});
