// Builds the web app when anything it is made of has changed since the last build.

import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Processes } from './processes.ts';
import { sourceVersion } from './version.ts';

/** What a build is made of. */
const SOURCES = [
    'src',
    'static',
    'svelte.config.js',
    'vite.config.ts',
    'local/version.ts',
    'tsconfig.json',
    'package-lock.json'
];

export type BuildOptions = {
    projectDir: string;
    stateDir: string;
    processes: Processes;
    log: (line: string) => void;
};

/** Runs `vite build` unless the last one was made of the very same files, and says so of the very same commit. */
export async function buildIfChanged(options: BuildOptions): Promise<void> {
    const { projectDir } = options;
    const stampFile = join(projectDir, 'build', '.sources');
    const stamp = fingerprint(projectDir);
    if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
    options.log('Building the app…');
    const logFile = join(options.stateDir, 'logs', 'build.log');
    const output = openSync(logFile, 'w', 0o600);
    const vite = join(projectDir, 'node_modules', 'vite', 'bin', 'vite.js');
    const child = await options.processes.start('build', process.execPath, [vite, 'build'], {
        cwd: projectDir,
        stdio: ['ignore', output, output],
        env: { ...process.env, NO_COLOR: '1' }
    });
    closeSync(output);
    const { code } = await child.ended;
    if (code !== 0) {
        const words = readFileSync(logFile, 'utf8').trim().split('\n').slice(-40).join('\n');
        throw new Error(`The app could not be built:\n${words}`);
    }
    writeFileSync(stampFile, stamp);
}

function fingerprint(projectDir: string): string {
    // A build tells which commit it is of, so the same files under another commit are another build.
    const hash = createHash('sha256').update(JSON.stringify(sourceVersion(projectDir)));
    for (const source of SOURCES) {
        const path = join(projectDir, source);
        if (!existsSync(path)) continue;
        for (const file of filesOf(path))
            hash.update(relative(projectDir, file)).update('\0').update(readFileSync(file));
    }
    return hash.digest('hex');
}

function filesOf(path: string): string[] {
    if (statSync(path).isFile()) return [path];
    return readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort();
}
