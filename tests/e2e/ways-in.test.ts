// Each way in, at the width of a phone: by the keyboard alone, and as a password manager sees the forms.
import { expect, type Page } from '@playwright/test';
import { randomBytes } from 'node:crypto';
import { aBusiness, aPerson } from '../support/business.ts';
import { press, type } from './keyboard.ts';
import { codeIn, lookAt, mailTo, test } from './support.ts';

test.use({ viewport: { width: 360, height: 740 } });

const anEmail = (): string => `ways-${randomBytes(6).toString('hex')}@example.test`;
const aPassword = (): string => `${randomBytes(4).toString('hex')} wet ladders sing`;

const isIn = (page: Page) => expect(page).toHaveURL(/\/(today|welcome)$/);

test('[AUTH-1] a code by e-mail is a way in by the keyboard alone, on a phone', async ({ page }) => {
    const email = anEmail();
    await page.goto('/sign-in');
    await lookAt(page);
    await type(page, 'E-mail address', email);
    await expect(page.getByRole('heading', { name: 'Type the code' })).toBeVisible();
    await lookAt(page);
    await expect(page.getByLabel('Code'), 'the code is what comes next').toBeFocused();
    await type(page, 'Code', codeIn(await mailTo(email, /sign-in code|start with/)));
    await isIn(page);
});

test('[AUTH-1] a password is a way in by the keyboard alone, on a phone', async ({ page }) => {
    const { owner } = await aBusiness();
    await page.goto('/sign-in');
    await press(page, page.getByRole('link', { name: 'Password' }));
    await expect(page).toHaveURL(/\/sign-in\/password$/);
    await lookAt(page);
    await type(page, 'E-mail address', owner.email, { send: false });
    await type(page, 'Password', 'not the right one, I fear');
    await expect(page.getByText('do not go together').first()).toBeVisible();
    await expect(page.getByLabel('E-mail address')).toHaveValue(owner.email);
    await expect(page.getByLabel('Password', { exact: true })).toHaveValue('');
    await lookAt(page);
    await type(page, 'Password', owner.password);
    await isIn(page);
});

test('[AUTH-3] [AUTH-1] signing up ends with a password that is good, by the keyboard alone, on a phone', async ({
    page
}) => {
    const email = anEmail();
    await page.goto('/sign-up');
    await lookAt(page);
    await type(page, 'E-mail address', email);
    await type(page, 'Code', codeIn(await mailTo(email, /code/)));
    await expect(page.getByRole('heading', { name: 'Choose your password' })).toBeVisible();
    await lookAt(page);
    for (const [tried, says] of [
        ['too short', 'Use at least 15 characters.'],
        ['sunshine-sunshine', 'one of the passwords that are tried first'],
        ['correct horse battery staple', 'known from a break-in at another service']
    ] as const) {
        await type(page, 'Password', tried);
        const field = page.getByLabel('Password', { exact: true });
        await expect(field).toHaveAttribute('aria-invalid', 'true');
        await expect(field).toHaveAccessibleDescription(new RegExp(says));
        await expect(field).toHaveValue('');
    }
    await lookAt(page);
    const password = aPassword();
    await type(page, 'Password', password);
    await isIn(page);
});

test('[AUTH-1] a forgotten password is replaced by the keyboard alone, on a phone', async ({ page }) => {
    const person = await aPerson();
    await page.goto('/sign-in/password');
    await press(page, page.getByRole('link', { name: 'I forgot my password' }));
    await page.waitForURL(/\/reset/);
    await lookAt(page);
    await type(page, 'E-mail address', person.email);
    await type(page, 'Code', codeIn(await mailTo(person.email, /new password/)));
    const password = aPassword();
    await type(page, 'Password', password);
    await isIn(page);
    await page.context().clearCookies();
    await page.goto('/sign-in/password');
    await type(page, 'E-mail address', person.email, { send: false });
    await type(page, 'Password', password);
    await isIn(page);
});

test('[AUTH-3] a password can be seen while it is typed, and pasted', async ({ page, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto('/sign-in/password');
    const field = page.getByLabel('Password', { exact: true });
    await page.getByRole('button', { name: 'Show the password' }).waitFor();
    await page.evaluate(() => navigator.clipboard.writeText('pasted from a manager'));
    await field.focus();
    await page.keyboard.press('ControlOrMeta+v');
    await expect(field).toHaveValue('pasted from a manager');
    await expect(field).toHaveAttribute('type', 'password');
    await press(page, page.getByRole('button', { name: 'Show the password' }));
    await expect(field).toHaveAttribute('type', 'text');
    await expect(field, 'what was typed stays').toHaveValue('pasted from a manager');
    await lookAt(page);
    await press(page, page.getByRole('button', { name: 'Hide the password' }));
    await expect(field).toHaveAttribute('type', 'password');
});

for (const provider of ['Google', 'Apple', 'Microsoft'] as const) {
    test(`[AUTH-1] ${provider} is a way in by the keyboard alone, on a phone, and turning back there is told kindly`, async ({
        page
    }) => {
        await page.goto('/sign-in');
        await press(page, page.getByRole('link', { name: `Continue with ${provider}` }));
        await page.getByRole('button', { name: 'Cancel and go back' }).press('Enter');
        await expect(page.getByText('You did not finish signing in. Nothing has changed')).toBeVisible();
        await lookAt(page);
        await press(page, page.getByRole('link', { name: `Continue with ${provider}` }));
        await page.getByLabel('Name').fill('Kim Osei');
        await page.getByLabel('E-mail address').fill(anEmail());
        await page.getByRole('button', { name: 'Continue as this person' }).press('Enter');
        if (provider === 'Apple') {
            await page.getByLabel(/Hide my address/).press('Space');
            await page.getByRole('button', { name: 'Continue' }).press('Enter');
        }
        await isIn(page);
        await expect(page.getByLabel('Your name')).toHaveValue('Kim Osei');
    });
}

test('[AUTH-8] the address and the password are changed by the keyboard alone, on a phone', async ({
    page
}) => {
    const { owner } = await aBusiness();
    await page.goto('/sign-in/password');
    await type(page, 'E-mail address', owner.email, { send: false });
    await type(page, 'Password', owner.password);
    await isIn(page);
    await page.goto('/more/security');
    await press(page, page.getByRole('link', { name: 'Change the address' }));
    await expect(page.getByRole('heading', { name: 'Change your address' })).toBeVisible();
    await lookAt(page);
    const email = anEmail();
    await type(page, 'New e-mail address', email);
    await expect(page.getByText('Two e-mails are on their way')).toBeVisible();
    await lookAt(page);
    for (const [mailbox, says] of [
        [owner.email, 'One more to go'],
        [email, 'Your address is changed']
    ] as const) {
        const mail = await mailTo(mailbox, /Confirm your new address/);
        await page.goto(/https?:\S+\/auth\/confirm\?\S+/.exec(mail.text)?.[0] ?? '/no-link');
        await lookAt(page);
        await press(page, page.getByRole('button', { name: 'Confirm the change' }));
        await expect(page.getByText(says).first()).toBeVisible();
        await lookAt(page);
    }
    await mailTo(owner.email, /address of your TradersFlow login was changed/);
    await press(page, page.getByRole('link', { name: 'Set or change the password' }));
    await lookAt(page);
    await type(page, 'Password', aPassword());
    await expect(page.getByText('Your password is saved')).toBeVisible();
    await press(page, page.getByRole('link', { name: 'Stop using one' }));
    await lookAt(page);
    await press(page, page.getByRole('button', { name: 'Take my password out of use' }));
    await expect(page.getByText('No password opens your login any more')).toBeVisible();
});

/** What a password manager goes by: name, type and autocomplete of each field that a person fills in. */
async function fieldsOf(page: Page): Promise<string[]> {
    return page.locator('main form').evaluateAll((forms) =>
        forms.flatMap((form) => {
            const { method, action, elements } = form as HTMLFormElement;
            if (method !== 'post' || new URL(action).origin !== location.origin)
                throw new Error(`sends ${method} ${action}`);
            return [...elements]
                .filter(
                    (field): field is HTMLInputElement =>
                        field instanceof HTMLInputElement && field.type !== 'hidden'
                )
                .map((field) =>
                    `${field.name} ${field.type} ${field.autocomplete} ${field.inputMode}`.trim()
                );
        })
    );
}

test('[AUTH-1] every form of a way in tells a password manager what it asks for', async ({ page }) => {
    const told: Record<string, string[]> = {};
    const look = async (path: string): Promise<void> => {
        if (path !== 'here') await page.goto(path);
        told[new URL(page.url()).pathname] = await fieldsOf(page);
    };
    for (const path of ['/sign-in', '/sign-in/password', '/reset', '/sign-up']) await look(path);
    const email = anEmail();
    await page.getByLabel('E-mail address').fill(email);
    await page.keyboard.press('Enter');
    await expect(page.getByLabel('Code')).toBeFocused();
    await look('here');
    await page.getByLabel('Code').fill(codeIn(await mailTo(email, /code/)));
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\/reset\/password$/);
    await look('here');
    expect(told).toEqual({
        '/sign-in': ['email email username webauthn email'],
        '/sign-in/password': ['email email username webauthn email', 'password password current-password'],
        '/reset': ['email email username email'],
        '/sign-up': ['email email username email'],
        '/sign-in/code': ['code text one-time-code numeric'],
        '/reset/password': ['username email username', 'password password new-password']
    });
    await expect(page.locator('input[autocomplete=username]')).toHaveValue(email);
});
