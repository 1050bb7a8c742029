// The admin area as one of those who run TradersFlow meets it on a phone, by the keyboard alone. The app is one of its own, since
// its list of them is a setting.
import { expect } from '@playwright/test';
import { randomBytes } from 'node:crypto';
import { startApp, type RunningApp } from '../support/app.ts';
import { codeShown } from '../support/authenticator-app.ts';
import { aBusiness, aPerson, superuser, type Person } from '../support/business.ts';
import { freePort } from '../support/port.ts';
import { stack } from '../support/stack.ts';
import { press, type } from './keyboard.ts';
import { lookAt, test } from './support.ts';

const sql = superuser();
const [third, fourth] = randomBytes(2);
const address = `198.19.${third}.${fourth}`;
let app: RunningApp;
let alex: Person;

test.use({ viewport: { width: 360, height: 740 } });

test.beforeAll(async () => {
    alex = await aPerson('alex');
    app = await startApp(stack(), await freePort(), { env: { PLATFORM_OWNERS: alex.email } });
    await sql`insert into private.platform_owners (user_id, email) values (${alex.id}, ${alex.email})`;
    await sql`
        insert into private.blocked_networks (network, times, blocked_at, blocked_until)
        values (${address}, 2, now(), now() + interval '1 hour')`;
});
test.afterAll(async () => {
    await sql`delete from private.blocked_networks where network = ${address}::inet`;
    await sql`delete from private.platform_owners where user_id = ${alex.id}`;
    await app?.stop();
    await sql.end();
});

test('[ADM-1] [AUTH-4] one who runs TradersFlow sets a second factor up, sees what is blocked and unblocks it, on a phone', async ({
    page
}) => {
    await page.goto(`${app.url}/admin`);
    await expect(page.getByText('Only those who run TradersFlow')).toBeVisible();
    await lookAt(page);
    await press(page, page.getByRole('link', { name: 'Sign in' }));
    await press(page, page.getByRole('link', { name: 'Password', exact: true }));
    await type(page, 'E-mail address', alex.email, { send: false });
    await type(page, 'Password', alex.password);

    await expect(page.getByRole('heading', { name: 'Set up an authenticator app' })).toBeVisible();
    await press(page, page.getByRole('button', { name: 'Show me the code to scan' }));
    const secret = await page.locator('input[name="secret"]').inputValue();
    await type(page, 'Type the code that it shows now', codeShown(secret));
    await expect(page.getByText('Your second factor is on.')).toBeVisible();

    await page.goto(`${app.url}/admin`);
    await expect(page.getByRole('heading', { name: 'The platform' })).toBeVisible();
    await expect(page.getByText(address).first()).toBeVisible();
    await press(page, page.locator('summary', { hasText: 'nobody just now' }));
    await expect(page.getByText('10 an hour').first()).toBeVisible();
    await lookAt(page);
    await page.setViewportSize({ width: 1280, height: 860 });
    await lookAt(page);
    await page.setViewportSize({ width: 360, height: 740 });

    await press(page, page.getByRole('link', { name: `Unblock ${address}` }));
    await expect(page.getByRole('heading', { name: `Unblock ${address}` })).toBeVisible();
    await lookAt(page);
    await press(page, page.getByRole('button', { name: `Unblock ${address}` }));
    await expect(page.getByText('Say why, in a few words.').first()).toBeVisible();
    await lookAt(page);
    await type(page, 'Why', 'An office’s shared connection, they rang');
    await expect(page.getByText('People can sign in from that network again.')).toBeVisible();
    await expect(page.getByText(address)).toHaveCount(0);
    await lookAt(page);
});

test('[ADM-1] the owner of a business is told that the admin area is not theirs', async ({ page }) => {
    const { owner } = await aBusiness();
    await page.goto(`${app.url}/sign-in/password?next=%2Fadmin`);
    await type(page, 'E-mail address', owner.email, { send: false });
    await type(page, 'Password', owner.password);
    await expect(page.getByText('this login is not one of theirs')).toBeVisible();
    await lookAt(page);
});
