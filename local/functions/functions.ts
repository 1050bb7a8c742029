// The project's edge functions: finds them, runs them in one Deno process with the least rights, starts it
// again when it ends or when the code changes.

import { createWriteStream, existsSync, readdirSync, watch } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlatformConfig } from '../config.ts';
import { freePort } from '../ports.ts';
import type { Child, Processes } from '../processes.ts';

const READY = '\u0001ready';

export type FunctionsOptions = {
    projectDir: string;
    logFile: string;
    /** Deno's cache of compiled modules. */
    cacheDir: string;
    settings: PlatformConfig['functions'];
    /** What a function may read from its environment, and all it may read. */
    env: Record<string, string>;
    /** A certificate file to trust beside the public ones. */
    trust?: string;
    /** Start anew when a file of the functions changes. */
    watch: boolean;
    processes: Processes;
    log: (line: string) => void;
};

export type Functions = {
    readonly port: number;
    /** Does this function demand a token? Undefined when there is no such function. */
    verifyJwt(name: string): boolean | undefined;
    stop(): Promise<void>;
};

export async function startFunctions(options: FunctionsOptions): Promise<Functions> {
    const folder = join(options.projectDir, 'supabase', 'functions');
    const binary = findDeno(options.projectDir);
    const output = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 });
    let names: string[] = [];
    let current: { child: Child; port: number } | undefined;
    let wanted = true;

    const launch = async () => {
        names = functionNames(folder, options.settings);
        const port = await freePort(0);
        const entries = names.map((name) => join(folder, name, 'index.ts'));
        const child = await options.processes.start('deno', binary, denoArguments(options, port, entries), {
            cwd: options.projectDir,
            stdio: ['pipe', 'pipe', 'pipe'],
            env: {
                ...options.env,
                ...(options.trust === undefined ? {} : { DENO_CERT: options.trust }),
                DENO_DIR: options.cacheDir,
                DENO_NO_UPDATE_CHECK: '1',
                NO_COLOR: '1'
            }
        });
        child.process.stdin?.on('error', () => undefined);
        await new Promise<void>((resolve, reject) => {
            for (const stream of [child.process.stdout, child.process.stderr]) {
                if (!stream) continue;
                createInterface(stream).on('line', (line) => {
                    if (line === READY) return resolve();
                    output.write(`${line}\n`);
                    if (/could not start:/.test(line)) options.log(`functions: ${line}`);
                });
            }
            const sentence = `The functions could not be started; see ${options.logFile}.`;
            void child.ended.then(() => reject(new Error(sentence)));
        });
        const previous = current;
        current = { child, port };
        void child.ended.then(async ({ code, signal }) => {
            if (!wanted || current?.child !== child) return;
            const cause = signal ?? `exit ${code}`;
            options.log(`The functions' process ended unexpectedly (${cause}); starting it again.`);
            await sleep(300);
            if (wanted && current.child === child) await relaunch();
        });
        await previous?.child.stop(2000);
    };

    const relaunch = () => launch().catch((error: Error) => options.log(error.message));

    await launch();
    const unwatch = options.watch ? watchFolder(folder, relaunch) : undefined;
    return {
        get port() {
            return current?.port ?? 0;
        },
        verifyJwt: (name) =>
            names.includes(name) ? (options.settings[name]?.verify_jwt ?? true) : undefined,
        stop: async () => {
            wanted = false;
            unwatch?.();
            await current?.child.stop(2000);
            output.end();
        }
    };
}

function functionNames(folder: string, settings: PlatformConfig['functions']): string[] {
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && /^[A-Za-z][\w-]*$/.test(entry.name))
        .map((entry) => entry.name)
        .filter((name) => existsSync(join(folder, name, 'index.ts')) && (settings[name]?.enabled ?? true));
}

/** No prompt, no download, no file but the code, no host but the ones the settings name, no other variable. */
function denoArguments(options: FunctionsOptions, port: number, entries: string[]): string[] {
    const config = join(options.projectDir, 'deno.json');
    const hosts = new Set([`127.0.0.1:${port}`]);
    // A setting may be a list of addresses.
    for (const value of Object.values(options.env).flatMap((setting) => setting.split(','))) {
        const url = URL.canParse(value) ? new URL(value) : undefined;
        if (url && /^https?:$/.test(url.protocol))
            hosts.add(`${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`);
    }
    const readable = ['supabase/functions', 'src/lib/domain', 'node_modules'].map((path) =>
        join(options.projectDir, path)
    );
    return [
        ...['run', '--quiet', '--no-prompt', '--no-remote', '--cached-only', '--no-lock'],
        ...(existsSync(config) ? ['--config', config] : ['--no-config']),
        '--v8-flags=--max-old-space-size=256',
        `--allow-net=${[...hosts].join(',')}`,
        `--allow-env=${Object.keys(options.env).join(',')}`,
        '--ignore-env',
        `--allow-read=${readable.join(',')}`,
        join(import.meta.dirname, 'host.ts'),
        String(port),
        ...entries
    ];
}

function findDeno(projectDir: string): string {
    const require = createRequire(join(projectDir, 'package.json'));
    const system =
        process.platform === 'linux' ? `linux-${process.arch}-glibc` : `${process.platform}-${process.arch}`;
    try {
        const folder = dirname(require.resolve(`@deno/${system}/package.json`));
        return join(folder, process.platform === 'win32' ? 'deno.exe' : 'deno');
    } catch (cause) {
        throw new Error(`There is no Deno for this machine: package @deno/${system} is not installed.`, {
            cause
        });
    }
}

/** Calls back once things have been quiet for a moment, since an editor saves in several steps. */
function watchFolder(folder: string, changed: () => unknown): () => void {
    if (!existsSync(folder)) return () => undefined;
    let timer: NodeJS.Timeout | undefined;
    const watcher = watch(folder, { recursive: true }, () => {
        clearTimeout(timer);
        timer = setTimeout(changed, 150);
    });
    return () => {
        clearTimeout(timer);
        watcher.close();
    };
}
