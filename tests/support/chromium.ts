// Finds a Chromium that starts, or installs one: the one named in CHROMIUM_PATH, Playwright's own, a system Chromium or
// Chrome, Playwright's download, the Debian package. Each is proved by launching it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium } from '@playwright/test';

/** As root Chromium has no sandbox; the rest keeps it quiet and off the network. */
export const chromiumArgs: readonly string[] = [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-dev-shm-usage',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run'
];

const SYSTEM = [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome-stable',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium'
];

async function starts(executablePath: string): Promise<boolean> {
    if (!existsSync(executablePath)) return false;
    try {
        const browser = await chromium.launch({ executablePath, args: [...chromiumArgs], timeout: 30_000 });
        await browser.close();
        return true;
    } catch {
        return false;
    }
}

/** Playwright's own browser; empty where this version knows none for the platform. */
function ownPath(): string {
    try {
        return chromium.executablePath();
    } catch {
        return '';
    }
}

function run(command: string, args: string[], seconds: number): void {
    spawnSync(command, args, {
        stdio: 'ignore',
        timeout: seconds * 1000,
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    });
}

/** The path of a Chromium that starts. Throws with a sentence that says what to do when there is none to be had. */
export async function findChromium(log: (line: string) => void): Promise<string> {
    const named = process.env.CHROMIUM_PATH;
    if (named) {
        if (await starts(named)) return named;
        throw new Error(`CHROMIUM_PATH names ${named}, which does not start. Correct it or unset it.`);
    }
    for (const path of [ownPath(), ...SYSTEM]) if (await starts(path)) return path;

    log('No Chromium here: asking Playwright for its own');
    run('playwright', ['install', '--only-shell', 'chromium'], 180);
    const shell = headlessShell();
    for (const path of [ownPath(), shell]) if (path && (await starts(path))) return path;

    if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
        log('Playwright can’t fetch it: installing the Debian package');
        run('apt-get', ['update'], 300);
        run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], 900);
        for (const path of SYSTEM) if (await starts(path)) return path;
    }
    throw new Error('There is no Chromium that starts. Install one and name it in CHROMIUM_PATH.');
}

/** What `--only-shell` installs lies beside the full browser, under a name of its own. */
function headlessShell(): string {
    return ownPath()
        .replace(/chromium-(\d+)/, 'chromium_headless_shell-$1')
        .replace(/chrome-linux(64)?\/chrome$/, 'chrome-headless-shell-linux64/chrome-headless-shell');
}
