import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';
import { ledger } from '../../src/lib/promises/ledger.ts';
import { startApp, type RunningApp } from '../support/app.ts';
import { freePort } from '../support/port.ts';
import { aReport, POLICY_TEXT } from '../support/promises-report.ts';
import { stack } from '../support/stack.ts';
import { lookAt, test } from './support.ts';

const kept = ledger.filter(({ state }) => state === 'kept').length;
const folder = mkdtempSync(join(tmpdir(), 'promises-'));
const report = join(folder, 'promises-report.json');
let app: RunningApp;
let build: { commit: string | null; dirty: boolean };

test.use({ javaScriptEnabled: false });

test.beforeAll(async () => {
    app = await startApp(stack(), await freePort(), { env: { PROMISES_REPORT: report } });
    const facts = (await (await fetch(`${app.url}/security/promises.json`)).json()) as {
        build: typeof build;
    };
    build = facts.build;
});
test.afterAll(async () => {
    await app.stop();
    rmSync(folder, { recursive: true, force: true });
});

/** The stamps on the promises, those of the summary left aside. */
const stamps = (page: Page) => page.locator('article[id] > header');

async function expectNoTick(page: Page): Promise<void> {
    await page.goto(`${app.url}/security`);
    await expect(stamps(page).filter({ hasText: 'Not run on this build' })).toHaveCount(kept);
    await expect(stamps(page).filter({ hasText: /^\S+ Kept$/ })).toHaveCount(0);
    await expect(page.locator('.passed')).toHaveCount(0);
}

test('the security page has no tick without a report, and still says what each promise rests on', async ({
    page
}) => {
    rmSync(report, { force: true });
    await expectNoTick(page);
    await expect(page.locator('article[id]')).toHaveCount(86);
    const promise = page.locator('#ISO-2');
    await promise.getByText(/rules? enforces? it/).click();
    await expect(promise).toContainText('tables_are_born_closed');
    await expect(promise).toContainText('not run in the database');
});

test('the security page has no tick with a report of another commit, or with one that is none', async ({
    page
}) => {
    writeFileSync(report, JSON.stringify(aReport('0'.repeat(40))));
    await expectNoTick(page);
    await expect(page.getByRole('status').last()).toContainText(/another version of the source|in no commit/);
    writeFileSync(report, 'promises: all kept');
    await expectNoTick(page);
});

test('the security page shows the stamps of a run on this very commit, as soon as it is there', async ({
    page
}) => {
    writeFileSync(report, JSON.stringify(aReport(build.commit ?? '0'.repeat(40))));
    // Source with changes in no commit never gets a tick, whatever a report says.
    if (build.dirty || build.commit === null) return expectNoTick(page);

    await page.goto(`${app.url}/security`);
    await expect(stamps(page).filter({ hasText: 'Kept' })).toHaveCount(kept);
    await expect(page.getByText('Not run on this build')).toHaveCount(0);
    await expect(page.getByText('700 tests passed, none failed, on this very commit.')).toBeVisible();

    const promise = page.locator('#ISO-2');
    await expect(promise.locator('pre')).toBeHidden();
    await promise.getByText(/rules enforce it/).click();
    await promise.getByText('private.close_new_tables()').click();
    await expect(promise.locator('pre').filter({ hasText: 'Made for this test' })).toHaveText(POLICY_TEXT);
    await expect(promise.getByText('a member cannot read a new table')).toBeVisible();
    await expect(promise).toContainText('passed in the database');
});

for (const [width, height] of [
    [360, 740],
    [1280, 900]
] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
        test(`the security page can be read by everybody at ${width} px, ${colorScheme}, unfolded too`, async ({
            browser
        }) => {
            writeFileSync(report, JSON.stringify(aReport(build.commit ?? '0'.repeat(40))));
            // The inspection of the page is a script; the page itself has none.
            const context = await browser.newContext({
                viewport: { width, height },
                colorScheme,
                javaScriptEnabled: true
            });
            const page = await context.newPage();
            const scripts: string[] = [];
            page.on('request', (request) => {
                if (request.resourceType() === 'script') scripts.push(request.url());
            });
            await page.goto(`${app.url}/security`);
            for (const id of ['ISO-2', 'AUTH-5', 'FILE-2', 'HOST-1'])
                for (const fold of await page.locator(`#${id} details > summary`).all())
                    if (await fold.isVisible()) await fold.click();
            await lookAt(page);
            expect(scripts).toEqual([]);
            await context.close();
        });
    }
}

test('the security page is found from the front door, filtered by stamp, and pointed to by id', async ({
    page
}) => {
    rmSync(report, { force: true });
    await page.goto(`${app.url}/`);
    await page.getByRole('link', { name: 'Every promise, and what proves it' }).click();
    await expect(page).toHaveURL(`${app.url}/security`);

    await page.getByRole('navigation', { name: 'Show' }).getByRole('link', { name: 'By our host 8' }).click();
    await expect(page.locator('article[id]')).toHaveCount(8);
    await expect(page.getByText('8 of 86: by our host.')).toBeVisible();
    await page.goto(`${app.url}/security?show=anything`);
    await expect(page.locator('article[id]')).toHaveCount(86);

    await page.goto(`${app.url}/security#OPS-5`);
    await expect(page.locator('#OPS-5')).toBeInViewport();
});

test('a program reads the same, without a script and without signing in', async ({ request }) => {
    rmSync(report, { force: true });
    const answer = await request.get(`${app.url}/security/promises.json`);
    expect(answer.headers()['content-type']).toBe('application/json');
    const facts = (await answer.json()) as { run: unknown; promises: { id: string; stamp: string }[] };
    expect(facts.promises.map(({ id }) => id)).toEqual(ledger.map(({ id }) => id));
    expect(facts.promises.filter(({ stamp }) => stamp === 'kept')).toEqual([]);
    expect(facts.run).toMatchObject({ state: 'not_run' });
});
