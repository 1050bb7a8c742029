// Does what pg_cron's background worker does: looks at the clock every second and runs what is due, each job
// as the role that scheduled it, never two runs of one job at once.

import { Cron } from 'croner';
import type { Sql } from 'postgres';
import type { Clock } from '../clock.ts';

export type JobsOptions = {
    /** As superuser: reads the jobs and keeps the record of runs. */
    sql: Sql;
    /** A connection as a role that can log in; undefined for any other. */
    connectAs: (role: string) => Sql | undefined;
    clock: Clock;
    log: (line: string) => void;
};

export type Jobs = {
    /** Runs everything that is due by the clock and waits for it, and for what was running already. */
    tick(): Promise<void>;
    /** Reads the jobs anew; called when one was scheduled, changed or removed. */
    reload(): Promise<void>;
    /** Forgets what was missed; called when the clock went back. */
    restart(): void;
    stop(): Promise<void>;
};

type Job = { jobid: string; schedule: string; command: string; username: string; database: string };
type Planned = Job & { next: number };

export async function startJobs(options: JobsOptions): Promise<Jobs> {
    const { sql, clock } = options;
    let planned = new Map<string, Planned>();
    const running = new Map<string, Promise<void>>();

    // Whatever an earlier stack was running when it ended did not finish.
    await sql`
        update cron.job_run_details
        set status = 'failed', return_message = 'server restarted', end_time = now()
        where status in ('starting', 'running')
    `;

    const plan = (job: Job): Planned => ({ ...job, next: nextRun(job.schedule, clock.now()) });

    const reload = async () => {
        const jobs = await sql<
            Job[]
        >`select jobid, schedule, command, username, database from cron.job where active`;
        planned = new Map(
            jobs.map((job) => {
                const known = planned.get(job.jobid);
                return [
                    job.jobid,
                    known?.schedule === job.schedule ? { ...job, next: known.next } : plan(job)
                ];
            })
        );
    };

    const startDue = () => {
        const now = clock.now();
        for (const job of planned.values()) {
            if (job.next > now.getTime() || running.has(job.jobid)) continue;
            job.next = nextRun(job.schedule, now);
            const work = run(job)
                .catch((error: Error) => options.log(`cron: job ${job.jobid}: ${error.message}`))
                .finally(() => running.delete(job.jobid));
            running.set(job.jobid, work);
        }
    };

    const run = async (job: Job) => {
        const [details] = await sql<{ runid: string }[]>`
            insert into cron.job_run_details (jobid, database, username, command, status, start_time)
            values (${job.jobid}, ${job.database}, ${job.username}, ${job.command}, 'running', now())
            returning runid
        `;
        const { status, message } = await execute(job);
        await sql`
            update cron.job_run_details
            set status = ${status}, return_message = ${message}, end_time = now()
            where runid = ${details?.runid ?? null}
        `;
    };

    const execute = async (job: Job): Promise<{ status: 'succeeded' | 'failed'; message: string }> => {
        const connection = options.connectAs(job.username);
        if (!connection)
            return { status: 'failed', message: `connection failed: role "${job.username}" can't log in` };
        try {
            const result = await connection.unsafe(job.command);
            const last = Array.isArray(result) && Array.isArray(result.at(-1)) ? result.at(-1) : result;
            const { command, count } = last as { command?: string; count?: number };
            const message =
                command === 'SELECT' ? `${count} row${count === 1 ? '' : 's'}` : [command, count].join(' ');
            return { status: 'succeeded', message: message.trim() };
        } catch (error) {
            return { status: 'failed', message: `ERROR:  ${(error as Error).message}` };
        }
    };

    await reload();
    const timer = setInterval(startDue, 1000);
    return {
        reload,
        restart: () => {
            for (const job of planned.values()) job.next = nextRun(job.schedule, clock.now());
        },
        tick: async () => {
            await reload();
            startDue();
            await Promise.all(running.values());
        },
        stop: async () => {
            clearInterval(timer);
            await Promise.race([
                Promise.all(running.values()),
                new Promise((done) => setTimeout(done, 1000).unref())
            ]);
        }
    };
}

const SECONDS = /^(\d+) seconds?$/;

/** When a schedule is due next, in milliseconds; cron fields are read in UTC as on a hosted project. */
export function nextRun(schedule: string, after: Date): number {
    const seconds = SECONDS.exec(schedule)?.[1];
    if (seconds !== undefined) return after.getTime() + Number(seconds) * 1000;
    // pg_cron writes the last day of the month as $.
    const next = new Cron(schedule.replaceAll('$', 'L'), { timezone: 'UTC', paused: true }).nextRun(after);
    return next?.getTime() ?? Number.POSITIVE_INFINITY;
}
