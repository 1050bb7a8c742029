// The database as the rest of the stack sees it: one cluster, prepared like a new hosted project, then the
// project's own migrations and seed.

import { join } from 'node:path';
import pLimit from 'p-limit';
import postgres from 'postgres';
import type { Sql } from 'postgres';
import { migrate, prepareRecords, seed } from '../migrate.ts';
import { freePort } from '../ports.ts';
import type { Processes } from '../processes.ts';
import { bootstrap } from './bootstrap.ts';
import { startPostgres } from './postgres.ts';
import { ensureVaultKey, fillVault } from './vault.ts';

export type DatabaseOptions = {
    projectDir: string;
    /** Path of a file in the state folder. */
    state: (name: string) => string;
    port: number;
    password: string;
    durable: boolean;
    processes: Processes;
    /** Told when the server had ended by itself and is back. */
    onReturn: () => void;
    log: (line: string) => void;
};

export type Database = {
    readonly port: number;
    /** Connection string as a role that can log in. */
    url(role: string): string;
    /**
     * A pool that lives as long as the database and finds it again after it was away: `max` transactions at once, and half
     * as many connections for single statements.
     */
    pool(role: string, max: number): Sql;
    /** Brings roles, schemas, rights and the vault up to date. */
    prepare(vault: Record<string, string>): Promise<void>;
    applyProject(what: {
        migrations: boolean;
        seeds: string[];
        progress: (line: string) => void;
    }): Promise<void>;
    stop(): Promise<void>;
    start(): Promise<void>;
    /** Ends the pools, then the server. */
    close(): Promise<void>;
};

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
    const { projectDir, state, password } = options;
    const server = await startPostgres({
        projectDir,
        dataDir: state('postgres'),
        logFile: state('logs/postgres.log'),
        port: await freePort(options.port),
        password,
        durable: options.durable,
        processes: options.processes,
        onReturn: options.onReturn,
        log: options.log
    });
    const pools: Sql[] = [];
    const url = (role: string) => `postgres://${role}:${password}@127.0.0.1:${server.port}/postgres`;
    const open = (role: string, max: number) =>
        postgres(url(role), {
            max,
            idle_timeout: 60,
            // Long, since a refused connection fails at once anyway and a busy machine is no failure.
            connect_timeout: 20,
            // A failed connection is tried again with the next query, not after a growing pause.
            backoff: false,
            onnotice: () => undefined,
            connection: { application_name: role }
        });
    const using = async (role: string, work: (sql: Sql) => Promise<void>) => {
        const sql = open(role, 1);
        try {
            await work(sql);
        } finally {
            await sql.end({ timeout: 2 });
        }
    };
    return {
        get port() {
            return server.port;
        },
        url,
        pool: (role, max) => {
            const [pool, transactions] = [open(role, Math.ceil(max / 2)), open(role, max)];
            pools.push(pool, transactions);
            return withTransactionsApart(pool, transactions, max);
        },
        prepare: (vault) =>
            using('supabase_admin', async (superuser) => {
                ensureVaultKey(state('postgres'));
                await bootstrap(superuser, password);
                await fillVault(superuser, vault);
            }),
        applyProject: ({ migrations, seeds, progress }) =>
            using('postgres', async (owner) => {
                const folder = join(projectDir, 'supabase');
                await prepareRecords(owner);
                if (migrations)
                    for (const file of await migrate(owner, join(folder, 'migrations')))
                        progress(`migrated ${file}`);
                for (const file of await seed(
                    owner,
                    seeds.map((path) => join(folder, path))
                ))
                    progress(`seeded ${file}`);
            }),
        stop: () => server.stop(),
        start: () => server.start(),
        close: async () => {
            await Promise.all(pools.map((pool) => pool.end({ timeout: 2 })));
            await server.stop();
        }
    };
}

/**
 * Has transactions begin on connections of their own, never more at once than there are. The driver sends statements on a
 * busy connection without waiting for the ones before; a `begin` that comes hundredth there is sent, and the connection is
 * lent on all the same (github.com/porsager/postgres/issues/1189).
 */
function withTransactionsApart(pool: Sql, transactions: Sql, max: number): Sql {
    const room = pLimit(max);
    const begin = transactions.begin.bind(transactions) as (...given: unknown[]) => Promise<unknown>;
    return Object.assign(pool, { begin: (...given: unknown[]) => room(() => begin(...given)) }) as Sql;
}
