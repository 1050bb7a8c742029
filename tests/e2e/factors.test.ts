// The second factor on a phone, by the keyboard alone: set up, given at the next sign-in, and lost.
import { expect, type Browser, type Page } from '@playwright/test';
import { codeShown } from '../support/authenticator-app.ts';
import { aBusiness, anAddress, type Person } from '../support/business.ts';
import { lookAt, test } from './support.ts';

/** A browser of its own, in which the person has given their password. */
async function afterThePassword(
    browser: Browser,
    { email, password }: Person,
    width: number,
    colorScheme: 'light' | 'dark'
): Promise<Page> {
    const context = await browser.newContext({
        viewport: { width, height: 780 },
        colorScheme,
        extraHTTPHeaders: { 'x-forwarded-for': anAddress() }
    });
    const page = await context.newPage();
    page.on('console', (message) => {
        if (message.type() === 'error') throw new Error(`On ${page.url()}: ${message.text()}`);
    });
    await page.goto('/sign-in/password');
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.keyboard.press('Enter');
    return page;
}

test('[AUTH-4] an authenticator app is set up, asked for at the next sign-in, and taken away by a recovery code', async ({
    browser
}) => {
    const { owner } = await aBusiness();
    const page = await afterThePassword(browser, owner, 360, 'light');
    await expect(page).toHaveURL(/\/today$/);
    await page.goto('/more/security');
    await page.getByRole('link', { name: 'Set up an authenticator app' }).press('Enter');
    await expect(page.getByRole('heading', { name: 'Set up an authenticator app' })).toBeVisible();
    await lookAt(page);
    await page.getByRole('button', { name: 'Show me the code to scan' }).press('Enter');
    const picture = page.getByRole('img', { name: 'QR code with the key below' });
    await expect(picture).toBeVisible();
    expect(
        await picture.evaluate((image: HTMLImageElement) => image.naturalWidth),
        'the policy lets the picture in'
    ).toBeGreaterThan(0);
    await lookAt(page);
    const secret = await page.locator('input[name="secret"]').inputValue();
    await page.getByLabel('Type the code that it shows now').fill(codeShown(secret));
    await page.keyboard.press('Enter');

    await expect(page.getByText('Your second factor is on.')).toBeVisible();
    await lookAt(page);
    await page.getByRole('button', { name: 'Show me my ten codes' }).press('Enter');
    const codes = page.getByRole('listitem').filter({ hasText: /^\w{4}-\w{4}-\w{4}-\w{4}$/ });
    await expect(codes).toHaveCount(10);
    const code = (await codes.first().textContent()) ?? '';
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy all ten' }).press('Enter');
    await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied.split('\n')).toEqual(await codes.allTextContents());
    await lookAt(page);
    await page.getByRole('link', { name: 'I have kept them' }).press('Enter');
    await expect(page.getByRole('list', { name: 'Second factors' })).toContainText('My phone');
    await lookAt(page);
    await page.context().close();

    const next = await afterThePassword(browser, owner, 360, 'dark');
    await expect(next.getByRole('heading', { name: 'One more step' })).toBeVisible();
    await lookAt(next);
    // Nothing of the app opens on the way.
    await next.goto('/customers');
    await expect(next.getByRole('heading', { name: 'One more step' })).toBeVisible();
    // The code that set it up was used; the app shows another one in half a minute, which counts already.
    await expect(next.getByLabel('Code', { exact: true })).toBeFocused();
    await next.keyboard.type(codeShown(secret, new Date(), 1));
    await next.keyboard.press('Enter');
    await expect(next).toHaveURL(/\/customers$/);
    await next.context().close();

    const lost = await afterThePassword(browser, owner, 1280, 'light');
    await lost.getByRole('link', { name: 'Use a recovery code' }).press('Enter');
    await lookAt(lost);
    await lost.getByLabel('Recovery code').fill(code);
    await lost.keyboard.press('Enter');
    await expect(lost.getByText('You are in, and the lost factor is gone.')).toBeVisible();
    await lookAt(lost);
    await lost.context().close();
});
