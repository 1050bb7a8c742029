// One job, from sign-in to paid, at 360 px: what a tradesperson and their customer do, and nothing around it.
import { expect, type Page } from '@playwright/test';
import { lookAt, linkIn, mailTo, phonePhoto, test } from './support.ts';

const tick = Date.now().toString(36);
const trader = `sam.${tick}@gmail.test`;
const customer = `priya.${tick}@example.test`;

/** Refusals of the content policy and errors on a page fail the story. */
function watch(page: Page, seen: string[]): void {
    page.on('pageerror', (error) => seen.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
        if (message.type() === 'error') seen.push(`${page.url()}: ${message.text()}`);
    });
}

test('[AUTH-1] [FILE-4] [PAY-3] [AUD-1] a job goes from Google sign-in to a paid invoice and a receipt', async ({
    page,
    browser
}) => {
    const seen: string[] = [];
    watch(page, seen);

    await test.step('signs in with Google', async () => {
        await page.goto('/sign-in');
        await lookAt(page);
        await page.getByRole('link', { name: /Google/ }).click();
        await lookAt(page);
        await page.getByLabel('Name').fill('Sam Bell');
        await page.getByLabel(/mail/i).fill(trader);
        await page.getByRole('button', { name: 'Continue as this person' }).click();
    });

    await test.step('opens the business', async () => {
        await expect(page.getByRole('heading', { level: 1, name: 'Set up your business' })).toBeVisible();
        await page.getByLabel('Name of the business').fill('Bell Lane Electrical');
        await page.getByLabel('Trade').selectOption({ index: 1 });
        await page.getByLabel('Your name').fill('Sam Bell');
        await page.getByRole('radio', { name: 'Yes' }).check();
        await page.getByLabel('VAT number').fill('831495816');
        await lookAt(page);
        await page.getByRole('button', { name: 'Open the business' }).click();
        await expect(page).toHaveURL(/\/today$/);
        await expect(page.getByText('Take your first job')).toBeVisible();
        await lookAt(page);
    });

    await test.step('sets up card payments at Stripe', async () => {
        await page.goto('/more');
        await lookAt(page);
        await page.getByRole('link', { name: /Card payments/ }).click();
        await lookAt(page);
        await page.getByRole('button', { name: 'Set up card payments' }).click();
        await page.getByRole('button', { name: 'Complete onboarding' }).click();
        await expect(page.getByText('Customers can pay you by card.')).toBeVisible();
        await lookAt(page);
    });

    await test.step('takes a job for a new customer', async () => {
        await page.getByRole('link', { name: 'Jobs' }).click();
        await lookAt(page);
        await page.getByRole('link', { name: 'Take a job' }).click();
        await page.getByLabel('What is to be done').fill('Replace the consumer unit');
        await page.getByLabel('Their name').fill('Priya Nair');
        await page.getByLabel('Their e-mail').fill(customer);
        await page.getByLabel('Address', { exact: true }).fill('12 Mill Street');
        await page.getByLabel('Town').fill('Todmorden');
        await page.getByLabel('Postcode').fill('OL14 5AA');
        await lookAt(page);
        await page.getByRole('button', { name: 'Take the job' }).click();
        await expect(page.getByRole('heading', { name: 'Job 1' })).toBeVisible();
    });

    await test.step('photographs it', async () => {
        await page
            .getByLabel('Add photos')
            .setInputFiles({ name: 'before.jpg', mimeType: 'image/jpeg', buffer: await phonePhoto() });
        const photo = page.getByRole('img', { name: /Photo 1 of 1/ });
        await expect(photo).toBeVisible();
        const size = await photo.evaluate(async (image: HTMLImageElement) => {
            await image.decode();
            return [image.naturalWidth, image.naturalHeight];
        });
        expect(size, 'upright: higher than wide').toEqual([480, 640]);
        await lookAt(page);
    });

    await test.step('does the work', async () => {
        const here = page.locator('[aria-current="step"]');
        for (const [verb, state] of [
            ['It is booked', 'Booked'],
            ['Start the work', 'Doing'],
            ['The work is done', 'Done']
        ] as const) {
            await page.getByRole('button', { name: verb }).click();
            await expect(here).toHaveText(state);
        }
        await page.getByRole('link', { name: 'Make the invoice' }).click();
    });

    await test.step('writes the invoice', async () => {
        await page.getByLabel('Price of one').fill('420');
        await page.getByRole('button', { name: 'Add a line' }).click();
        await page.getByLabel('What for').nth(1).fill('Consumer unit, 10 way');
        await page.getByLabel('Quantity').nth(1).fill('1');
        await page.getByLabel('Price of one').nth(1).fill('112.5');
        await expect(page.getByText('£639.00').first()).toBeVisible();
        await lookAt(page);
        await page.getByRole('button', { name: 'Save and preview' }).click();
        await expect(page.getByRole('heading', { name: 'Draft invoice' })).toBeVisible();
        await lookAt(page);
    });

    await test.step('issues and sends it', async () => {
        await page.getByRole('link', { name: 'Issue it' }).click();
        await lookAt(page);
        await page.getByRole('button', { name: 'Issue for £639.00' }).click();
        await expect(page.getByText('Issued as INV-0001.')).toBeVisible();
        await lookAt(page);
        await page.getByRole('button', { name: 'Send invoice' }).click();
        await expect(page.getByText('Invoice sent to Priya Nair.')).toBeVisible();
    });

    await test.step('the customer pays without signing in', async () => {
        const mail = await mailTo(customer, /INV-0001/);
        expect(mail.attachments.map(({ filename }) => filename)).toEqual([expect.stringMatching(/\.pdf$/)]);
        const theirs = await browser.newContext({ viewport: { width: 360, height: 740 }, locale: 'en-GB' });
        const portal = await theirs.newPage();
        watch(portal, seen);
        await portal.goto(linkIn(mail));
        await expect(portal).toHaveURL(/\/portal\/invoice$/);
        await expect(portal.getByText('£639.00').first()).toBeVisible();
        await lookAt(portal);
        await portal.getByRole('button', { name: /Pay/ }).click();
        await portal.getByLabel('Card number').fill('4242 4242 4242 4242');
        await portal.getByLabel('Expiry date').fill('12 / 34');
        await portal.getByLabel('Security code').fill('123');
        await portal.getByLabel('Name on card').fill('P Nair');
        await portal.getByLabel('Postcode').fill('OL14 5AA');
        await lookAt(portal);
        await portal.getByRole('button', { name: /^Pay £639/ }).click();
        await expect(portal).toHaveURL(/\/portal\/paid/);
        await expect(portal.getByText(/£639.00/).first()).toBeVisible();
        await lookAt(portal);
        await theirs.close();
        await mailTo(customer, /[Rr]eceipt|paid/i);
    });

    await test.step('Today shows the money and the trail tells the story', async () => {
        await page.goto('/today');
        await expect(page.getByRole('list', { name: 'Recent payments' }).getByText('£639.00')).toBeVisible();
        await lookAt(page);
        await page.goto('/money?show=paid');
        await lookAt(page);
        await page.goto('/customers');
        await lookAt(page);
        await page.goto('/more/audit');
        await lookAt(page);
        const story = page.getByRole('listitem');
        for (const sentence of [
            'Sam Bell opened the business Bell Lane Electrical',
            'Sam Bell took the job “Replace the consumer unit”',
            'Sam Bell added a photo',
            'Sam Bell issued invoice INV-0001',
            'Stripe recorded a payment of £639.00 by card',
            'Stripe marked the invoice paid'
        ]) {
            await expect(story.filter({ hasText: sentence }).first(), sentence).toBeVisible();
        }
        await expect(story.filter({ hasText: 'opened the invoice for the first time' })).toBeVisible();
    });

    await test.step('signs out everywhere', async () => {
        await page.goto('/more/security');
        await lookAt(page);
        await page.getByRole('button', { name: 'Sign out everywhere' }).click();
        await page.goto('/today');
        await expect(page).toHaveURL(/\/sign-in/);
    });

    expect(seen, 'errors and refusals of the content policy in the console').toEqual([]);
});
