// Another build of the app, for tests that ask what would happen if a line of it were missing: the sources are copied, the
// lines are changed, and the copy is built in a folder of its own. The product itself has no switch for any of that.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectDir } from './stack.ts';

/** What a build is made of, beside packages. */
const SOURCES = [
    'src',
    'static',
    'svelte.config.js',
    'vite.config.ts',
    'local/version.ts',
    'tsconfig.json',
    'package.json'
];

/** One change of a file: what must stand there exactly once, and what stands there instead. */
export type Change = { file: string; from: RegExp; to: string };

/** The source with one change made. Throws when the place is not there, or there more than once. */
export function changed(source: string, { file, from, to }: Change): string {
    const places = [...source.matchAll(new RegExp(from, 'g'))].length;
    if (places !== 1)
        throw new Error(`${file} has ${places} places like ${from}: bring the change up to date with it.`);
    return source.replace(from, () => to);
}

/**
 * Copies the app into test-results/variants/<name>, makes the changes and builds it. Answers the folder, which
 * {@link import('./app.ts').startApp} takes as `projectDir`. `env` is what the build finds in its environment. A copy that was built of the very same files is used again.
 */
export async function buildVariant(
    name: string,
    changes: readonly Change[],
    env: Record<string, string> = {}
): Promise<string> {
    const folder = join(projectDir, 'test-results', 'variants', name);
    const stamp = fingerprint(changes, env);
    const stampFile = join(folder, '.sources');
    if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const source of SOURCES) cpSync(join(projectDir, source), join(folder, source), { recursive: true });
    for (const change of changes) {
        const path = join(folder, change.file);
        writeFileSync(path, changed(readFileSync(path, 'utf8'), change));
    }
    await vite(folder, env);
    writeFileSync(stampFile, stamp);
    return folder;
}

function vite(folder: string, env: Record<string, string>): Promise<void> {
    const bin = join(projectDir, 'node_modules', 'vite', 'bin', 'vite.js');
    const child = spawn(process.execPath, [bin, 'build', '--logLevel', 'error'], {
        cwd: folder,
        env: { ...process.env, NODE_ENV: 'production', NO_COLOR: '1', ...env },
        stdio: ['ignore', 'pipe', 'pipe']
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    return new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code) =>
            code === 0 ? resolve() : reject(new Error(`${dirname(folder)} could not be built:\n${said}`))
        );
    });
}

function fingerprint(changes: readonly Change[], env: Record<string, string>): string {
    const hash = createHash('sha256').update(
        JSON.stringify([changes.map((change) => Object.values(change).join()), env])
    );
    for (const source of SOURCES) {
        const path = join(projectDir, source);
        const files = source.includes('.')
            ? [path]
            : readdirSync(path, { recursive: true, withFileTypes: true })
                  .filter((entry) => entry.isFile())
                  .map((entry) => join(entry.parentPath, entry.name))
                  .sort();
        for (const file of files) hash.update(file).update(readFileSync(file));
    }
    return hash.digest('hex');
}
