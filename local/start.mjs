// The one way in: `npm start`, `npm run dev`, `npm run stack`, and `run <file>` for the other commands. Plain
// Node 20, because that may be all there is: it installs what the lockfile names if that has changed, then goes on
// under the Node that came with it.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const stampFile = join(modules, '.lockfile-stamp');
const lockfile = readFileSync(join(root, 'package-lock.json'), 'utf8');
const stamp = createHash('sha256')
    .update([lockfile, process.platform, process.arch].join('\n'))
    .digest('hex');

if (!isInstalled()) install();
const [entry, ...args] = commandLine(process.argv.slice(2));
continueUnder(bundledNode(), entry, args);

function isInstalled() {
    if (!existsSync(modules)) return false;
    if (existsSync(stampFile)) return readFileSync(stampFile, 'utf8') === stamp;
    // Somebody ran `npm ci` by hand: npm's own record tells what is there.
    const record = join(modules, '.package-lock.json');
    if (!existsSync(record)) return false;
    const present = JSON.parse(readFileSync(record, 'utf8')).packages;
    const wanted = Object.entries(JSON.parse(lockfile).packages);
    const whole = wanted.every(
        ([path, { version, optional }]) => path === '' || optional || present[path]?.version === version
    );
    if (whole) writeFileSync(stampFile, stamp);
    return whole;
}

function install() {
    console.error('Installing what package-lock.json names. The first time takes a moment.');
    const npm = process.env.npm_execpath;
    const [command, ...prefix] = npm
        ? [process.execPath, npm]
        : [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
    // To standard error: the output of `npm run stack -- --json` is one JSON object and nothing else.
    const { status, error } = spawnSync(command, [...prefix, 'ci', '--include=dev', '--loglevel=error'], {
        cwd: root,
        stdio: ['ignore', 2, 2],
        shell: process.platform === 'win32' && !npm
    });
    if (status !== 0) {
        console.error(
            `\nThe packages could not be installed${error ? ` (${error.message})` : ''}. Is this machine online? Then try again.`
        );
        process.exit(1);
    }
    writeFileSync(stampFile, stamp);
}

function commandLine([command, ...rest]) {
    if (command === 'run') return rest;
    if (command === 'stack') return ['local/main.ts', ...rest];
    if (command === 'dev') return ['local/start.ts', '--dev', ...rest];
    return ['local/start.ts', ...(command === undefined ? [] : [command, ...rest])];
}

function bundledNode() {
    const bundled = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (existsSync(bundled)) return bundled;
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    if (major > 24 || (major === 24 && minor >= 5)) return process.execPath;
    console.error(
        `Node 24 did not come with the packages, and this is ${process.version}. Run \`npm ci\` with install scripts allowed, or install Node 24.`
    );
    process.exit(1);
}

function continueUnder(node, file, rest) {
    const path = [dirname(node), join(modules, '.bin'), process.env.PATH ?? ''].join(delimiter);
    // The child hears through the fourth channel when we vanish, and ends what it started.
    const child = spawn(node, [join(root, file), ...rest], {
        cwd: root,
        stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
        env: { ...process.env, PATH: path, npm_node_execpath: node }
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('error', (error) => {
        console.error(error.message);
        process.exit(1);
    });
    child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
