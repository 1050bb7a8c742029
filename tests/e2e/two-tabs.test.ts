// Two tabs on one draft: the second to save is told, and what it typed stays.
import { expect } from '@playwright/test';
import { aBusiness } from '../support/business.ts';
import { test } from './support.ts';

test('a draft changed in another tab is not written over, and nothing typed is lost', async ({
    page,
    context
}) => {
    const business = await aBusiness();
    const { invoiceId } = await business.aDraft();
    await page.goto('/sign-in/password');
    await page.getByLabel('E-mail address').fill(business.owner.email);
    await page.getByLabel('Password', { exact: true }).fill(business.owner.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page).toHaveURL(/\/today$/);

    const other = await context.newPage();
    for (const tab of [page, other]) await tab.goto(`/invoices/${invoiceId}/edit`);
    await other.getByLabel('Price of one').fill('500');
    await other.getByRole('button', { name: 'Save and preview' }).click();
    await expect(other).toHaveURL(/\/invoices\/[^/]+$/);
    await expect(other.getByRole('article').getByText('£600.00')).toBeVisible();

    await page.getByLabel('What for').fill('A line that took a while to word');
    await page.getByRole('button', { name: 'Save and preview' }).click();
    await expect(page.getByRole('alert')).toContainText('Somebody changed this while you were working on it');
    await expect(page.getByLabel('What for')).toHaveValue('A line that took a while to word');

    await context.setOffline(true);
    await page.getByRole('button', { name: 'Save and preview' }).click();
    await expect(page.getByRole('alert')).toContainText('You are offline');
    await expect(page.getByLabel('What for')).toHaveValue('A line that took a while to word');
});
