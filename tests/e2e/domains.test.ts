// The owner shows that a domain is theirs; somebody with an address there asks to join, on another phone; the owner lets them in.
import { expect, type Page } from '@playwright/test';
import { aBusiness, aPerson, type Person } from '../support/business.ts';
import { publish } from '../support/dns.ts';
import { lookAt, test } from './support.ts';

async function signIn(page: Page, person: Pick<Person, 'email' | 'password'>): Promise<void> {
    await page.goto('/sign-in/password');
    await page.getByLabel('E-mail address').fill(person.email);
    await page.getByLabel('Password', { exact: true }).fill(person.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page).not.toHaveURL(/\/sign-in/);
}

test('[ACC-4] a domain is proven, somebody with an address there asks to join, and is let in', async ({
    page,
    browser
}) => {
    const domain = `bell-${Date.now().toString(36)}.example`;
    const business = await aBusiness({ name: 'Bell Lane Electrical' });
    await signIn(page, business.owner);
    await page.goto('/more/team');
    await page.getByRole('link', { name: 'Domains', exact: true }).click();
    await expect(page.getByText('No domain yet')).toBeVisible();
    await lookAt(page);
    await page.getByLabel('Add a domain').fill('gmail.com');
    await page.getByRole('button', { name: 'Add the domain' }).click();
    await expect(page.getByText('Anybody can have an address there').first()).toBeVisible();
    await lookAt(page);
    await page.getByLabel('Add a domain').fill(domain);
    await page.getByRole('button', { name: 'Add the domain' }).click();
    await expect(page.getByText('Not proven')).toBeVisible();
    await lookAt(page);
    await page.getByRole('button', { name: 'I have added it: look now' }).click();
    await expect(page.getByText('The record is not there yet')).toBeVisible();
    await lookAt(page);
    await publish(business.owner.db, domain);
    await page.getByRole('button', { name: 'I have added it: look now' }).click();
    await expect(page.getByText('is shown to be yours')).toBeVisible();
    await lookAt(page);
    await page.getByRole('link', { name: 'Domains' }).first().click();
    await lookAt(page);

    const asker = await aPerson('priya', domain);
    const phone = await browser.newContext({ viewport: { width: 360, height: 740 } });
    const guest = await phone.newPage();
    await signIn(guest, asker);
    await expect(guest.getByRole('heading', { name: 'Ask to join Bell Lane Electrical' })).toBeVisible();
    await lookAt(guest);
    await guest.getByLabel('Your name').fill('Priya Nair');
    await guest.getByRole('button', { name: 'Ask to join Bell Lane Electrical' }).click();
    await expect(guest.getByRole('heading', { name: 'You have asked to join' })).toBeVisible();
    await lookAt(guest);

    await page.goto('/more/team');
    await expect(page.getByText('Waiting to join')).toBeVisible();
    await lookAt(page);
    await page.getByRole('link', { name: /Priya Nair/ }).click();
    await lookAt(page);
    await page.getByRole('button', { name: 'Let them in' }).click();
    await expect(page.getByText('They are in the team now')).toBeVisible();
    await lookAt(page);

    await guest.getByRole('link', { name: 'See whether I am in' }).click();
    await expect(guest).toHaveURL(/\/today$/);
    await phone.close();
});
