// A person's sessions as they see them, on a phone and at a desk: end one, and "this wasn't me".
import { expect, type Browser, type Page } from '@playwright/test';
import { aBusiness, anAddress, type Person } from '../support/business.ts';
import { lookAt, mailTo, test } from './support.ts';

const ANDROID =
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36';
const LINUX = 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0';

/** A browser of its own, from an address of its own, in which the person signs in. */
async function signedIn(
    browser: Browser,
    { email, password }: Person,
    width: number,
    colorScheme: 'light' | 'dark'
): Promise<Page> {
    const context = await browser.newContext({
        viewport: { width, height: 780 },
        colorScheme,
        userAgent: width < 600 ? ANDROID : LINUX,
        extraHTTPHeaders: { 'x-forwarded-for': anAddress() }
    });
    const page = await context.newPage();
    await page.goto('/sign-in/password');
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page).toHaveURL(/\/today$/);
    return page;
}

for (const [width, scheme] of [
    [360, 'light'],
    [360, 'dark'],
    [1280, 'light'],
    [1280, 'dark']
] as const) {
    test(`[AUTH-6] a person sees their sessions and ends one, ${width} wide, ${scheme}`, async ({
        browser
    }) => {
        const { owner } = await aBusiness();
        const lost = await signedIn(browser, owner, 360, 'light');
        const page = await signedIn(browser, owner, width, scheme);
        await page.goto('/more/security');
        await lookAt(page);
        const sessions = page.getByRole('list', { name: 'Where you are signed in' }).getByRole('listitem');
        await expect(sessions.first()).toContainText('This device');
        const others = await sessions.count();
        await sessions
            .filter({ hasText: 'last used' })
            .filter({ hasText: 'Chrome on Android' })
            .getByRole('button', { name: /^Sign out / })
            .click();
        await expect(page.getByText('That device is signed out.')).toBeVisible();
        await expect(sessions).toHaveCount(others - 1);
        await lookAt(page);
        await expect(page.getByRole('list', { name: 'Sign-ins' })).toContainText('Signed in with a password');
        await page.getByRole('link', { name: 'All sign-ins' }).click();
        await expect(page.getByRole('heading', { name: 'Sign-ins', level: 1 })).toBeVisible();
        await lookAt(page);
        await page.goBack();
        await lost.goto('/today');
        await expect(lost).toHaveURL(/\/sign-in\?ended=1/);
        await page.getByRole('button', { name: 'Sign out all others' }).click();
        await expect(page.getByText('You are signed in on this device only.')).toBeVisible();
        await lookAt(page);
        await Promise.all([lost.context().close(), page.context().close()]);
    });
}

test('[RATE-5] a sign-in on a new device is told by mail, and “this wasn’t me” ends it', async ({
    browser,
    page
}) => {
    const { owner } = await aBusiness();
    const first = await signedIn(browser, owner, 1280, 'light');
    const thief = await signedIn(browser, owner, 360, 'light');
    await page.setViewportSize({ width: 360, height: 780 });
    const { text } = await mailTo(owner.email, /New sign-in/);
    await page.goto(/https?:\S+\/auth\/not-me\?\S+/.exec(text)?.[0] ?? '/no-link');
    await expect(page.getByRole('heading', { name: 'This wasn’t me' })).toBeVisible();
    await lookAt(page);
    await page.getByRole('button', { name: 'Sign out every device' }).click();
    await expect(page.getByText('Every device is signed out')).toBeVisible();
    await lookAt(page);
    await thief.goto('/today');
    await expect(thief).toHaveURL(/\/sign-in\?ended=1/);
    await page.goBack();
    await page.getByRole('button', { name: 'Sign out every device' }).click();
    await expect(page.getByText('This link has been used already')).toBeVisible();
    await lookAt(page);
    await Promise.all([first.context().close(), thief.context().close()]);
});
