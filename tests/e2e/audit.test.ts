// The owner looks through the audit trail on a phone, checks that it is whole, and keeps a copy.
import { readFile } from 'node:fs/promises';
import { expect } from '@playwright/test';
import { aBusiness } from '../support/business.ts';
import { lookAt, test } from './support.ts';

test('[AUD-5] an owner finds who did what, sees the chain close, and takes the trail along', async ({
    page
}) => {
    const business = await aBusiness();
    const { reference } = await business.anInvoice();
    const seen: string[] = [];
    page.on('pageerror', (error) => seen.push(error.message));
    page.on('console', (message) => {
        if (message.type() === 'error') seen.push(message.text());
    });
    await page.goto('/sign-in/password');
    await page.getByLabel('E-mail address').fill(business.owner.email);
    await page.getByLabel('Password', { exact: true }).fill(business.owner.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page).toHaveURL(/\/today$/);

    await test.step('searches, and opens the technical record', async () => {
        await page.goto('/more/audit');
        await lookAt(page);
        await page.getByText('Filter', { exact: true }).click();
        await page.getByLabel('What about').selectOption({ label: 'Invoices' });
        await lookAt(page);
        await page.getByRole('button', { name: 'Show', exact: true }).click();
        await expect(page).toHaveURL(/\/more\/audit\?kind=invoices$/);
        await expect(page.getByRole('status').filter({ hasText: 'Invoices' })).toBeVisible();
        const issued = page.getByRole('listitem').filter({ hasText: `issued invoice ${reference}` });
        await issued.locator('summary').first().click();
        await expect(issued.getByText('invoice.issued', { exact: true })).toBeVisible();
        await expect(issued.getByText(/^[0-9a-f]{64}$/).first()).toBeVisible();
        await lookAt(page);
        await expect(page.getByRole('listitem').filter({ hasText: 'opened the business' })).toHaveCount(0);
    });

    await test.step('checks the chain', async () => {
        await page.goto('/more/audit/check');
        await lookAt(page);
        await page.getByRole('button', { name: /^Check all \d+ records$/ }).click();
        await expect(page.getByText('Whole', { exact: true })).toBeVisible();
        await expect(page.getByText(/All \d+ records are there, in their order/)).toBeVisible();
        await lookAt(page);
        await page.getByText('Compare with an anchor you kept').click();
        await page.getByLabel('Anchor', { exact: true }).fill(`1 ${'ab'.repeat(32)}`);
        await page.getByRole('button', { name: 'Check again' }).click();
        await expect(page.getByText('The chain is broken.')).toBeVisible();
        await expect(page.getByText('Broken', { exact: true })).toBeVisible();
        await lookAt(page);
    });

    await test.step('takes it along', async () => {
        await page.goto('/more/audit');
        const [download] = await Promise.all([
            page.waitForEvent('download'),
            page.getByRole('button', { name: 'Save as CSV' }).click()
        ]);
        expect(download.suggestedFilename()).toMatch(/^audit-trail-[\d-]+\.csv$/);
        expect(await readFile(await download.path(), 'utf8')).toContain(`issued invoice ${reference}`);
    });
    expect(seen, 'errors and refusals of the content policy in the console').toEqual([]);
});
