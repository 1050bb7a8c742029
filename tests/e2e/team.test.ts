// A phone at a time: the owner asks somebody to join, who has never been here; they do; the owner changes their role, takes them
// out and back in.
import { expect, type Page } from '@playwright/test';
import { aBusiness, type Person } from '../support/business.ts';
import { codeIn, lookAt, mailTo, test } from './support.ts';

async function signIn(page: Page, person: Pick<Person, 'email' | 'password'>): Promise<void> {
    await page.goto('/sign-in/password');
    await page.getByLabel('E-mail address').fill(person.email);
    await page.getByLabel('Password', { exact: true }).fill(person.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page).toHaveURL(/\/today$/);
}

test('[ACC-4] somebody is invited, joins by the link in the e-mail, is taken out and brought back', async ({
    page,
    browser
}) => {
    const business = await aBusiness({ name: 'Bell Lane Electrical' });
    await signIn(page, business.owner);
    await page.goto('/more');
    await lookAt(page);
    await page.getByRole('link', { name: /^Team/ }).click();
    await expect(page.getByText('Only you so far')).toBeVisible();
    await lookAt(page);

    await page.getByRole('link', { name: 'Invite somebody' }).click();
    await lookAt(page);
    await page.getByRole('button', { name: 'Send the invitation' }).click();
    await expect(page.getByText('Choose a role.').first()).toBeVisible();
    await lookAt(page);
    const address = `joiner-${Date.now().toString(36)}@example.test`;
    await page.getByLabel('Their e-mail address').fill(address);
    await page.getByText('Staff', { exact: true }).click();
    await page.getByRole('button', { name: 'Send the invitation' }).click();
    await expect(page.getByText(`Invitation sent to ${address}`)).toBeVisible();
    await lookAt(page);

    const invitation = await mailTo(address, /asks you to join Bell Lane Electrical/);
    const link = /https?:\/\/\S+\/join\/[\w-]+/.exec(invitation.text)?.[0] ?? '';
    const phone = await browser.newContext({ viewport: { width: 360, height: 740 } });
    const guest = await phone.newPage();
    await guest.goto(link);
    await expect(guest).toHaveURL(/\/join$/);
    await expect(guest.getByRole('heading', { name: 'Join Bell Lane Electrical' })).toBeVisible();
    await lookAt(guest);
    await guest.getByRole('button', { name: 'Send me a code' }).click();
    await guest.getByLabel('Code').fill(codeIn(await mailTo(address, /sign-in code|code to start/)));
    await guest
        .getByRole('button', { name: /Sign in|Go on/ })
        .first()
        .click();
    await expect(guest).toHaveURL(/\/join$/);
    await lookAt(guest);
    await guest.getByLabel('Your name').fill('Priya Nair');
    await guest.getByRole('button', { name: 'Join Bell Lane Electrical' }).click();
    await expect(guest).toHaveURL(/\/today$/);

    await page.goto('/more/team');
    await page.getByRole('link', { name: /Priya Nair/ }).click();
    await lookAt(page);
    await page.getByText('Admin', { exact: true }).click();
    await page.getByRole('button', { name: 'Change the role' }).click();
    await expect(page.getByText('Saved.')).toBeVisible();
    await page.getByRole('link', { name: 'Hand over to Priya Nair' }).click();
    await lookAt(page);
    await page.getByRole('link', { name: 'Keep it' }).click();
    await page.getByRole('button', { name: 'Remove Priya Nair' }).click();
    await expect(page.getByText('Priya Nair is out of the team')).toBeVisible();
    await lookAt(page);

    await guest.reload();
    await expect(
        guest.getByRole('heading', { name: 'You are no longer in the team of Bell Lane Electrical' })
    ).toBeVisible();
    await lookAt(guest);

    await page.getByRole('button', { name: 'Undo' }).click();
    await expect(page.getByText('Priya Nair is back in the team.')).toBeVisible();
    await guest.goto('/today');
    await expect(guest).toHaveURL(/\/today$/);
    await guest.goto('/more/leave');
    await lookAt(guest);
    await phone.close();
});

test('[ACC-3] a role of the business’s own is made of ticks and told in words', async ({ page }) => {
    const business = await aBusiness();
    await signIn(page, business.owner);
    await page.goto('/more/roles');
    await expect(page.getByText('No roles of your own yet')).toBeVisible();
    await lookAt(page);
    await page.getByRole('link', { name: 'Make a role' }).click();
    await lookAt(page);
    await page.getByLabel('Name of the role').fill('Bookkeeper');
    await page.getByLabel('See payments').check({ force: true });
    await page.getByLabel('Issue invoices').check({ force: true });
    await page.getByRole('button', { name: 'Make the role' }).click();
    await expect(page.getByRole('heading', { name: 'Bookkeeper' })).toBeVisible();
    await expect(page.getByText('Whoever has this role opens Today, Money, More.')).toBeVisible();
    await lookAt(page);
    await page.getByRole('link', { name: 'Change this role' }).click();
    await expect(page.getByLabel('See payments')).toBeChecked();
    await lookAt(page);
    await page.getByLabel('Issue invoices').uncheck({ force: true });
    await page.getByRole('button', { name: 'Save the role' }).click();
    await expect(page.getByText('Saved.')).toBeVisible();
});
