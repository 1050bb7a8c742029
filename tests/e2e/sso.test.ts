// The owner brings the business's own identity provider; somebody of the business signs in by it on a phone, by the keyboard
// alone; the owner takes it off again.
import { expect } from '@playwright/test';
import { randomUUID } from 'node:crypto';
import { aBusiness } from '../support/business.ts';
import { aProvenDomain } from '../support/dns.ts';
import { stack } from '../support/stack.ts';
import { press } from './keyboard.ts';
import { lookAt, test } from './support.ts';

test.use({ viewport: { width: 360, height: 740 } });

test('[AUTH-7] a business brings its own sign-in, and its people come in by it, on a phone', async ({
    page,
    browser
}) => {
    const business = await aBusiness({ name: 'Bell Lane Electrical' });
    const { email, password } = business.owner;
    await page.goto('/sign-in/password?next=%2Fmore%2Fteam');
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('link', { name: 'Single sign-on' }).click();
    await expect(page.getByRole('heading', { name: 'A domain first' })).toBeVisible();
    await lookAt(page);

    const domain = `bell-${randomUUID().slice(0, 8)}.example`;
    await aProvenDomain(business, domain);
    await page.reload();
    await expect(page.getByText('/auth/v1/callback')).toBeVisible();
    await lookAt(page);
    const { url, clientId, clientSecret } = stack().sso;
    await page.getByLabel('Its name').fill('Bell Lane login');
    await page.getByLabel('Issuer').fill(`${url}/nobody`);
    await page.getByLabel('Client ID').fill(clientId);
    await page.getByLabel('Client secret').fill(clientSecret);
    await page.getByRole('button', { name: 'Switch single sign-on on' }).click();
    await expect(page.getByText('We found no identity provider there').first()).toBeVisible();
    await expect(page.getByLabel('Its name')).toHaveValue('Bell Lane login');
    await expect(page.getByLabel('Client secret'), 'a secret is not sent back').toHaveValue('');
    await lookAt(page);
    await page.getByLabel('Issuer').fill(url);
    await page.getByLabel('Client secret').fill(clientSecret);
    await page.getByRole('button', { name: 'Switch single sign-on on' }).click();
    await expect(page.getByText('Single sign-on is on')).toBeVisible();
    await lookAt(page);

    const phone = await browser.newContext({
        viewport: { width: 360, height: 740 },
        extraHTTPHeaders: { 'x-forwarded-for': '198.51.100.77' }
    });
    const guest = await phone.newPage();
    await guest.goto('/sign-in');
    await press(guest, guest.getByRole('link', { name: 'Single sign-on' }));
    await expect(guest.getByRole('heading', { name: 'Single sign-on' })).toBeVisible();
    await lookAt(guest);
    const ask = async (address: string): Promise<void> => {
        await guest.getByLabel('Your address at work').focus();
        await guest.getByLabel('Your address at work').fill(address);
        await guest.keyboard.press('Enter');
    };
    await ask('priya@nobody-there.example');
    await expect(guest.getByText('There is no single sign-on for that address').first()).toBeVisible();
    await lookAt(guest);
    await ask(`priya@${domain}`);
    await expect(guest.getByText('Your business signs you in by')).toBeVisible();
    await lookAt(guest);
    await press(guest, guest.getByRole('link', { name: 'Go on to Bell Lane login' }));
    await guest.getByRole('button', { name: 'Cancel and go back' }).press('Enter');
    await expect(guest.getByText('You did not finish signing in. Nothing has changed')).toBeVisible();
    await lookAt(guest);

    const enterAs = async (address: string): Promise<void> => {
        await ask(`priya@${domain}`);
        await press(guest, guest.getByRole('link', { name: 'Go on to Bell Lane login' }));
        await guest.getByLabel('Name').fill('Priya Nair');
        await guest.getByLabel('E-mail address').fill(address);
        await guest.getByRole('button', { name: 'Continue as this person' }).press('Enter');
    };
    await enterAs('priya@elsewhere.example');
    await expect(guest.getByText('is not in your business’s domain')).toBeVisible();
    await lookAt(guest);
    await enterAs(`priya@${domain}`);
    await expect(guest).toHaveURL(/\/today$/);
    await lookAt(guest);
    await phone.close();

    await page.goto('/more/team');
    await expect(page.getByText('Priya Nair')).toBeVisible();
    await page.getByRole('link', { name: 'Single sign-on' }).click();
    await page.setViewportSize({ width: 1280, height: 900 });
    await lookAt(page);
    await page.getByRole('button', { name: 'Take single sign-on off' }).click();
    await expect(page.getByText('Nobody signs in by it any more')).toBeVisible();
    await lookAt(page);
});
