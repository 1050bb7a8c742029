// The captcha as a person on a phone meets it: by the keyboard, and without a script. It runs on a stack of its own, since that
// of the other tests asks for none.
import { expect, type Page } from '@playwright/test';
import { randomUUID } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import { startApp, type RunningApp } from '../support/app.ts';
import { freePort } from '../support/port.ts';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { lookAt, test } from './support.ts';

let stack: OwnStack;
let app: RunningApp;

test.use({ viewport: { width: 360, height: 740 } });

test.beforeAll(async () => {
    test.setTimeout(90_000);
    const port = await freePort();
    stack = await startOwnStack({ appPort: port, without: [] });
    const { TURNSTILE_SITE_KEY = '', TURNSTILE_SCRIPT_URL = '' } = stack.info.env;
    app = await startApp(stack.info, port, { env: { TURNSTILE_SITE_KEY, TURNSTILE_SCRIPT_URL } });
});
test.afterAll(async () => {
    await app?.stop();
    await stack?.stopAndForget();
});

async function somebody(): Promise<{ email: string; password: string }> {
    const person = { email: `pat-${randomUUID()}@example.com`, password: `wet ladders sing ${randomUUID()}` };
    const { apiUrl, secretKey } = stack.info;
    const { auth } = createClient(apiUrl, secretKey, { auth: { persistSession: false } });
    const { error } = await auth.admin.createUser({ ...person, email_confirm: true });
    if (error) throw error;
    return person;
}

async function failThrice(page: Page, email: string): Promise<void> {
    await page.goto(`${app.url}/sign-in/password`);
    await page.getByLabel('E-mail address').fill(email);
    for (let n = 0; n < 3; n += 1) {
        await page.getByLabel('Password', { exact: true }).fill('not the right one');
        await page.keyboard.press('Enter');
        await expect(page.getByText('do not go together').first()).toBeVisible();
        await expect(page.getByLabel('Password', { exact: true })).toHaveValue('');
    }
}

test('[RATE-5] after three wrong passwords a box is ticked by the keyboard, and the right password opens', async ({
    page
}) => {
    const complaints: string[] = [];
    page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));
    const { email, password } = await somebody();
    await failThrice(page, email);
    const box = page.frameLocator('.cf-turnstile iframe').getByRole('checkbox');
    await expect(box).toBeVisible();
    await lookAt(page);
    await page.getByLabel('Password', { exact: true }).fill(password);
    for (let presses = 0; presses < 5; presses += 1) {
        await page.keyboard.press('Tab');
        if (await box.evaluate((element) => element === document.activeElement)) break;
    }
    await page.keyboard.press('Space');
    await expect(page.frameLocator('.cf-turnstile iframe').getByText('Success!')).toBeVisible();
    await page.getByLabel('Password', { exact: true }).press('Enter');
    await expect(page).toHaveURL(/\/welcome$/);
    expect(complaints.filter((line) => !/status of 422/.test(line))).toEqual([]);
});

test.describe('without a script', () => {
    test.use({ javaScriptEnabled: false });

    test('[RATE-5] whoever can’t answer the captcha is shown the way by mail, which is open', async ({
        page
    }) => {
        const { email } = await somebody();
        await failThrice(page, email);
        await lookAtPlainly(page);
        await page.getByRole('link', { name: 'have a link sent to you' }).click();
        await page.getByLabel('E-mail address').fill(email);
        await page.keyboard.press('Enter');
        await expect(page.getByRole('heading', { name: 'Type the code' })).toBeVisible();
    });
});

/** Axe needs a script; that nothing runs off the side can be seen without. */
async function lookAtPlainly(page: Page): Promise<void> {
    const widest = await page.locator('main').boundingBox();
    expect((widest?.x ?? 0) + (widest?.width ?? 0)).toBeLessThanOrEqual(360);
}
