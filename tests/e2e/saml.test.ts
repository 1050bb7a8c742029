// The owner brings the business's own sign-in by SAML 2.0; somebody of the business signs in by it on a phone, by the keyboard alone;
// the owner switches it off and takes it off again.
import { expect } from '@playwright/test';
import { randomUUID } from 'node:crypto';
import { aBusiness } from '../support/business.ts';
import { aProvenDomain } from '../support/dns.ts';
import { aMetadataUrl } from '../support/saml-business.ts';
import { press } from './keyboard.ts';
import { lookAt, test } from './support.ts';

test.use({ viewport: { width: 360, height: 740 } });

test('[AUTH-7] a business brings its own sign-in by SAML, and its people come in by it, on a phone', async ({
    page,
    browser
}) => {
    const business = await aBusiness({ name: 'Bell Lane Electrical' });
    const { email, password } = business.owner;
    const domain = `bell-${randomUUID().slice(0, 8)}.example`;
    await aProvenDomain(business, domain);
    await page.goto('/sign-in/password?next=%2Fmore%2Fteam%2Fsign-on');
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('link', { name: 'SAML 2.0' }).click();
    await expect(page.getByText('/auth/v1/sso/saml/acs')).toBeVisible();
    await lookAt(page);

    const address = aMetadataUrl();
    await page.getByLabel('Its name').fill('Bell Lane office login');
    await page.getByRole('button', { name: 'Switch single sign-on on' }).click();
    await expect(
        page.getByText('Give the address of the metadata, or paste them below.').first()
    ).toBeVisible();
    await lookAt(page);
    await page.getByLabel('Address of its metadata').fill(address.replace(/metadata$/, 'nothing-here'));
    await page.getByRole('button', { name: 'Switch single sign-on on' }).click();
    await expect(page.getByText('We could read nothing there.').first()).toBeVisible();
    await expect(page.getByLabel('Its name'), 'what was typed stays').toHaveValue('Bell Lane office login');
    await page.getByLabel('Address of its metadata').fill(address);
    await page.getByRole('button', { name: 'Switch single sign-on on' }).click();
    await expect(page.getByText('Single sign-on is on')).toBeVisible();
    await expect(page.getByText('Signs until')).toBeVisible();
    await lookAt(page);

    const phone = await browser.newContext({
        viewport: { width: 360, height: 740 },
        extraHTTPHeaders: { 'x-forwarded-for': '198.51.100.78' }
    });
    const guest = await phone.newPage();
    const leave = async (): Promise<void> => {
        await guest.getByLabel('Your address at work').focus();
        await guest.getByLabel('Your address at work').fill(`priya@${domain}`);
        await guest.keyboard.press('Enter');
        await press(guest, guest.getByRole('link', { name: 'Go on to Bell Lane office login' }));
    };
    await guest.goto('/sign-in/sso');
    await leave();
    await guest.getByRole('button', { name: 'Cancel and go back' }).press('Enter');
    await expect(guest.getByText('did not answer as it should')).toBeVisible();
    await lookAt(guest);
    const enterAs = async (who: string): Promise<void> => {
        await leave();
        await guest.getByLabel('Name').fill('Priya Nair');
        await guest.getByLabel('E-mail address').fill(who);
        await guest.getByRole('button', { name: 'Continue as this person' }).press('Enter');
    };
    await enterAs('priya@elsewhere.example');
    await expect(guest.getByText('is not in your business’s domain')).toBeVisible();
    await enterAs(`priya@${domain}`);
    await expect(guest).toHaveURL(/\/today$/);
    await phone.close();

    await page.setViewportSize({ width: 1280, height: 900 });
    await page.getByRole('button', { name: 'Read its metadata now' }).click();
    await expect(page.getByText('its signatures are known by these certificates')).toBeVisible();
    await page.getByRole('button', { name: 'Switch it off' }).click();
    await expect(page.getByText('It is switched off: nobody signs in by it.')).toBeVisible();
    await lookAt(page);
    await page.getByRole('button', { name: 'Switch it on' }).click();
    await expect(page.getByText('Single sign-on is on')).toBeVisible();
    await page.getByRole('button', { name: 'Take single sign-on off' }).click();
    await expect(page.getByText('Nobody signs in by it any more')).toBeVisible();
});
