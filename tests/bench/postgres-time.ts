// How long Postgres itself worked, whoever asked: the only account that also covers what edge functions, auth server and
// storage have it do, which no header tells.
import postgres from 'postgres';

export type PostgresTime = {
    /** Begins to count. */
    begin(): Promise<void>;
    /** Milliseconds for planning and running statements since then. */
    read(): Promise<number>;
    close(): Promise<void>;
};

/** Counts on this stack, which must be nobody else's: it changes a setting of the server. */
export async function postgresTime(superuserUrl: string): Promise<PostgresTime> {
    const sql = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
    await sql`create extension if not exists pg_stat_statements with schema extensions`;
    await sql`alter system set pg_stat_statements.track_planning = on`;
    await sql`select pg_reload_conf()`;
    return {
        begin: async () => {
            await sql`select extensions.pg_stat_statements_reset()`;
        },
        read: async () => {
            // Not ours, nor those of the worker of cron and net, which looks for work whether or not somebody visits.
            const [row] = await sql<{ ms: number }[]>`
                select coalesce(sum(s.total_plan_time + s.total_exec_time), 0)::float8 as ms
                from extensions.pg_stat_statements as s
                where s.userid <> (select oid from pg_roles where rolname = current_user)`;
            return row?.ms ?? 0;
        },
        close: () => sql.end()
    };
}
