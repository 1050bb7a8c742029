// A security key as the second factor on a phone, by the keyboard alone, with the authenticator that Chromium itself plays.
import { expect } from '@playwright/test';
import { aBusiness } from '../support/business.ts';
import { aVirtualKey, isReady } from './keys.ts';
import { lookAt, test } from './support.ts';

test.use({ viewport: { width: 360, height: 780 } });

test('[AUTH-4] a security key is set up, asked for at the next sign-in, and proves anew who is there', async ({
    page
}) => {
    const { owner } = await aBusiness();
    const key = await aVirtualKey(page, 'security key');
    const signIn = async (): Promise<void> => {
        await page.context().clearCookies();
        await page.goto('/sign-in/password');
        await page.getByLabel('E-mail address').fill(owner.email);
        await page.getByLabel('Password', { exact: true }).fill(owner.password);
        await page.keyboard.press('Enter');
    };
    await signIn();
    await expect(page).toHaveURL(/\/today$/);
    await page.goto('/more/security');
    await page.getByRole('link', { name: 'Set up a security key' }).press('Enter');
    await expect(page.getByRole('heading', { name: 'Set up a security key' })).toBeVisible();
    await lookAt(page);
    await isReady(page);
    await page.getByLabel('What do you call it?').fill('Blue key');
    await page.keyboard.press('Enter');
    await expect(page.getByText('Your second factor is on.')).toBeVisible();
    expect(await key.count()).toBe(1);
    await page.getByRole('button', { name: 'Show me my ten codes' }).press('Enter');
    await page.getByRole('link', { name: 'I have kept them' }).press('Enter');
    await expect(page.getByRole('list', { name: 'Second factors' })).toContainText('Security key, added');
    await lookAt(page);

    await signIn();
    await expect(page.getByRole('heading', { name: 'One more step' })).toBeVisible();
    await lookAt(page);
    // Another key than theirs, or none: the browser finds nothing, and nothing is lost.
    await isReady(page);
    const restore = await key.forget();
    await page.getByRole('button', { name: 'Use my security key' }).press('Enter');
    await expect(page.getByText('Nothing has happened.')).toBeVisible();
    await restore();
    await page.getByRole('button', { name: 'Use my security key' }).press('Enter');
    await expect(page).toHaveURL(/\/today$/);

    await page.goto('/auth/again?next=/more/roles/new');
    await isReady(page);
    await lookAt(page);
    await page.getByRole('button', { name: 'Use my security key' }).press('Enter');
    await expect(page).toHaveURL(/\/more\/roles\/new$/);
});
