// `npm start` and `npm run dev`: the whole product on one machine. Brings the stack up unless a project is given
// in SUPABASE_URL, builds the app when its sources have changed, runs it, and says where everything is.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setDefaultCACertificates, getCACertificates } from 'node:tls';
import { parseArgs } from 'node:util';
import { appServer, devServer, runApp } from './app.ts';
import type { RunningApp } from './app.ts';
import { buildIfChanged } from './build.ts';
import { ownCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { readConfig, readManifest } from './config.ts';
import { whenAskedToEnd } from './lifetime.ts';
import { ANY_PORTS, freePort } from './ports.ts';
import { claimFolder, Processes, releaseFolder } from './processes.ts';
import { startStack } from './stack.ts';
import type { Stack } from './stack.ts';
import { summary } from './summary.ts';

const { values } = parseArgs({
    options: {
        dev: { type: 'boolean', default: false },
        https: { type: 'boolean', default: false },
        host: { type: 'string', default: 'localhost' },
        port: { type: 'string', default: process.env.PORT ?? '3000' },
        reset: { type: 'boolean', default: false },
        // For several at once on one machine: data elsewhere, and any free ports for a stack that has none yet.
        state: { type: 'string' },
        'any-ports': { type: 'boolean', default: false }
    }
});

const began = Date.now();
const projectDir = join(import.meta.dirname, '..');
const stateDir = values.state ? resolve(values.state) : join(projectDir, '.local');
const manifest = readManifest(projectDir);
const undo: (() => Promise<unknown> | unknown)[] = [];

let ending = false;
const end = async (code: number) => {
    if (ending) return;
    ending = true;
    for (let step = undo.pop(); step; step = undo.pop()) await step();
    process.exit(code);
};
whenAskedToEnd(() => {
    if (process.stdout.isTTY) process.stdout.write('\nStopping…\n');
    void end(0);
});

try {
    await start();
} catch (error) {
    if (!ending) console.error(`\n${error instanceof Error ? error.message : String(error)}`);
    await end(1);
}

async function start(): Promise<void> {
    mkdirSync(join(stateDir, 'logs'), { recursive: true, mode: 0o700 });
    claimFolder(stateDir);
    undo.push(() => releaseFolder(stateDir));
    const processes = new Processes(join(stateDir, 'app-pids.json'));
    await processes.endLeftovers();
    undo.push(() => processes.close());

    const wanted = Number(values.port);
    // `localhost` is two addresses; a stranger on the other one would get our visitors.
    const port = await freePort(wanted, ['127.0.0.1', '::1']);
    if (port !== wanted && wanted !== 0) console.log(`Port ${wanted} is taken, so the app takes ${port}.`);
    const tls = values.https ? await certificate() : undefined;

    const given = process.env.SUPABASE_URL;
    if (given) console.log(`Using the project at ${given}.`);
    else console.log('Starting…');
    const building = values.dev
        ? Promise.resolve()
        : buildIfChanged({ projectDir, stateDir, processes, log: console.log });
    building.catch(() => undefined);
    const stack = given ? undefined : await bringStack(port, tls);
    await building;
    if (ending) return;

    const app = await bringApp(processes, stack, port, tls);
    undo.push(() => app.stop());
    const lines = summary({
        title: manifest.title ?? 'The app',
        appUrl: app.url,
        stack,
        projectDir,
        seconds: (Date.now() - began) / 1000
    });
    console.log(lines.join('\n'));
}

function bringStack(appPort: number, tls: Certificate | undefined): Promise<Stack> {
    const starting = startStack({
        projectDir,
        stateDir,
        ports: values['any-ports'] && !existsSync(join(stateDir, 'ports.json')) ? ANY_PORTS : {},
        appPort,
        tls,
        reset: values.reset,
        watch: values.dev,
        log: (line) => {
            if (!ending) console.log(line);
        },
        progress: () => undefined
    });
    // Asked to end while it starts, it finishes starting first, so that nothing half-way is left.
    undo.push(async () => (await starting.catch(() => undefined))?.stop());
    return starting;
}

function bringApp(
    processes: Processes,
    stack: Stack | undefined,
    port: number,
    tls: Certificate | undefined
): Promise<RunningApp> {
    if (manifest.app === undefined) throw new Error('package.json names no app in field "stack".');
    const origin = process.env.ORIGIN ?? `${tls ? `https://${tls.host}` : 'http://localhost'}:${port}`;
    // The web tier gets what it needs and none of the secrets that belong to functions and database.
    const others = new Set(readConfig(projectDir).names.filter((name) => !manifest.appEnv.includes(name)));
    const kept = Object.entries(process.env).filter(([name]) => !others.has(name));
    const env: Record<string, string | undefined> = {
        ...Object.fromEntries(kept),
        ORIGIN: origin,
        PORT: String(port),
        HOST: process.env.HOST ?? (tls && tls.host !== 'localhost' ? '0.0.0.0' : '127.0.0.1'),
        ...(tls && {
            TLS_CERT_FILE: tls.certFile,
            TLS_KEY_FILE: tls.keyFile,
            NODE_EXTRA_CA_CERTS: tls.certFile
        }),
        ...(stack && {
            SUPABASE_URL: stack.info.apiUrl,
            SUPABASE_PUBLISHABLE_KEY: stack.info.publishableKey,
            STAND_INS: stack.standIns.join(','),
            ...Object.fromEntries(manifest.appEnv.map((name) => [name, stack.info.env[name]]))
        })
    };
    const command = values.dev
        ? devServer(projectDir, port, origin)
        : appServer(join(projectDir, manifest.app), origin);
    return runApp({
        ...command,
        projectDir,
        env,
        logFile: join(stateDir, 'logs', 'app.log'),
        processes,
        log: (line) => {
            if (!ending) console.log(line);
        }
    });
}

async function certificate(): Promise<Certificate> {
    const own = await ownCertificate(join(stateDir, 'tls'), values.host);
    // The parts speak to each other over the same addresses.
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(own.certFile, 'utf8')]);
    return own;
}
