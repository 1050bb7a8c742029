import { defineConfig } from '@playwright/test';
import { chromiumArgs } from '../support/chromium.ts';

const executablePath = process.env.CHROMIUM_PATH;
if (!executablePath) throw new Error('Run the browser tests by `npm run test:e2e`, which finds the browser.');

export default defineConfig({
    testDir: '.',
    outputDir: '../../test-results/e2e',
    fullyParallel: false,
    workers: 2,
    retries: 0,
    timeout: 300_000,
    expect: { timeout: 10_000 },
    forbidOnly: Boolean(process.env.CI),
    reporter: [['list'], ['json', { outputFile: process.env.TF_REPORT ?? '../../test-results/e2e.json' }]],
    use: {
        baseURL: process.env.TF_APP_URL,
        viewport: { width: 360, height: 740 },
        locale: 'en-GB',
        timezoneId: 'Europe/London',
        launchOptions: { executablePath, args: [...chromiumArgs] },
        screenshot: 'only-on-failure',
        trace: 'retain-on-failure',
        // A thing that is not there is missed after half a minute, and not at the end of the test's five.
        actionTimeout: 30_000,
        navigationTimeout: 60_000
    }
});
