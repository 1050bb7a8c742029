// The parts that must work with JavaScript off: signing in, the invoice, the customer's pages.
import { randomBytes } from 'node:crypto';
import { expect } from '@playwright/test';
import { aBusiness, A_LINE } from '../support/business.ts';
import { codeIn, linkIn, mailTo, test } from './support.ts';

test.use({ javaScriptEnabled: false });

test('[AUTH-1] a code by e-mail signs in with JavaScript off', async ({ page }) => {
    const address = `noscript-${Date.now().toString(36)}@example.test`;
    await page.goto('/sign-in');
    await page.getByLabel('E-mail address').fill(address);
    await page.getByRole('button', { name: 'Send me a code' }).click();
    await page.getByLabel('Code').fill(codeIn(await mailTo(address, /./)));
    await page
        .getByRole('button', { name: /Sign in|Go on/ })
        .first()
        .click();
    await expect(page.getByRole('heading', { name: 'Set up your business' })).toBeVisible();
});

test('[AUTH-1] signing up with a password works with JavaScript off', async ({ page }) => {
    const address = `noscript-${randomBytes(6).toString('hex')}@example.test`;
    const password = `${randomBytes(4).toString('hex')} wet ladders sing`;
    await page.goto('/sign-up');
    await page.getByLabel('E-mail address').fill(address);
    await page.getByRole('button', { name: 'Send me a code' }).click();
    await page.getByLabel('Code').fill(codeIn(await mailTo(address, /code/)));
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByLabel('Password', { exact: true }).fill('too short');
    await page.getByRole('button', { name: 'Save the password' }).click();
    await expect(page.getByText('Use at least 15 characters.').first()).toBeVisible();
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Save the password' }).click();
    await expect(page.getByRole('heading', { name: 'Set up your business' })).toBeVisible();
});

test('[PAY-3] an invoice is written, issued, sent and paid with JavaScript off', async ({
    page,
    context
}) => {
    const business = await aBusiness();
    const { jobId } = await business.aJob('Outside light');
    await page.goto('/sign-in/password');
    await page.getByLabel('E-mail address').fill(business.owner.email);
    await page.getByLabel('Password', { exact: true }).fill(business.owner.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page).toHaveURL(/\/today$/);

    await page.goto('/more/payouts');
    await page.getByRole('button', { name: 'Set up card payments' }).click();
    await page.getByRole('button', { name: 'Complete onboarding' }).click();
    await expect(page.getByText('Customers can pay you by card.')).toBeVisible();

    await page.goto(`/jobs/${jobId}/invoice`);
    await page.getByLabel('Price of one').fill('85');
    await page.getByRole('button', { name: 'Add a line' }).click();
    await expect(page.getByLabel('What for')).toHaveCount(2);
    await expect(page.getByLabel('Price of one').first(), 'what was typed is kept').toHaveValue('85');
    await page.getByLabel('What for').nth(1).fill(A_LINE.description);
    await page.getByRole('button', { name: 'Save and preview' }).click();
    await expect(
        page.getByText('Type an amount like 12.50.').first(),
        'the missing price is named'
    ).toBeVisible();
    await expect(page.getByLabel('What for').nth(1), 'what was typed is kept').toHaveValue(
        A_LINE.description
    );
    await page.getByLabel('Price of one').nth(1).fill('10');
    await page.getByRole('button', { name: 'Save and preview' }).click();
    await page.getByRole('link', { name: 'Issue it' }).click();
    await page.getByRole('button', { name: 'Issue for £114.00' }).click();

    const customer = `paper-${Date.now().toString(36)}@example.test`;
    await page.getByLabel('E-mail it to').fill(customer);
    await page.getByRole('button', { name: 'Send invoice' }).click();
    await expect(page.getByText(/Invoice sent to/)).toBeVisible();

    const portal = await context.newPage();
    await portal.goto(linkIn(await mailTo(customer, /INV-0001/)));
    await portal.getByRole('button', { name: /Pay/ }).click();
    await portal.getByLabel('Card number').fill('4242424242424242');
    await portal.getByLabel('Expiry date').fill('12 / 34');
    await portal.getByLabel('Security code').fill('123');
    await portal.getByLabel('Name on card').fill('P Paper');
    await portal.getByLabel('Postcode').fill('OL14 5AA');
    await portal.getByRole('button', { name: /^Pay £114/ }).click();
    await expect(portal).toHaveURL(/\/portal\/paid/);
    await page.goto('/money?show=paid');
    await expect(page.getByText('£114.00')).toBeVisible();
});
