// Joins the two workers to the database: it listens, on one connection of its own, for what was scheduled
// or queued, also after the database has been away.

import postgres from 'postgres';
import type { Sql } from 'postgres';
import type { Clock } from '../clock.ts';
import { startJobs } from './jobs.ts';
import type { Jobs } from './jobs.ts';
import { startRequests } from './requests.ts';
import type { Requests } from './requests.ts';

export type WorkerOptions = {
    databaseUrl: (role: string) => string;
    /** Roles whose password the stack knows. */
    loginRoles: readonly string[];
    clock: Clock;
    log: (line: string) => void;
};

export type Worker = { jobs: Jobs; requests: Requests; stop(): Promise<void> };

export async function startWorker(options: WorkerOptions): Promise<Worker> {
    const { clock, log } = options;
    const opened = new Map<string, Sql>();
    const connect = (role: string, max: number): Sql => {
        const known = opened.get(role);
        if (known) return known;
        const sql = postgres(options.databaseUrl(role), {
            max,
            idle_timeout: 20,
            // As long as everywhere: a busy machine is no failure, and a connection given up while it is written to ends the process.
            connect_timeout: 20,
            backoff: false,
            onnotice: () => undefined,
            connection: { application_name: 'pg_cron and pg_net' }
        });
        opened.set(role, sql);
        return sql;
    };
    const sql = connect('supabase_admin', 3);
    const jobs = await startJobs({
        sql,
        clock,
        log,
        connectAs: (role) => (options.loginRoles.includes(role) ? connect(role, 4) : undefined)
    });
    const requests = startRequests({ sql, log });
    const reload = () => void jobs.reload().catch((error: Error) => log(`cron: ${error.message}`));
    const { unlisten: leaveCron } = await sql.listen('cron_worker', reload, reload);
    const { unlisten: leaveNet } = await sql.listen('net_worker', requests.wake, requests.wake);
    return {
        jobs,
        requests,
        stop: async () => {
            await Promise.all([leaveCron(), leaveNet()]).catch(() => undefined);
            await Promise.all([jobs.stop(), requests.stop()]);
            await Promise.all([...opened.values()].map((pool) => pool.end({ timeout: 1 })));
        }
    };
}
