// What depends on who logged in to the database, and not on the role that was taken after that: pgTAP always logs in as the
// owner. Each trial runs as the server's superuser, who may take on any login, in a transaction that is rolled back.
import type { TransactionSql } from 'postgres';

export type Trial = { title: string; login: string; arrange?: string; act: string; answer: string };

/** Records an event on a chain whose next link is taken, and has it linked: does the whole transaction fail? */
const record = (kind: string): string => `
    create function pg_temp.record() returns text
        language plpgsql
        security definer
    as $$
    declare
        chain uuid := gen_random_uuid();
    begin
        insert into audit.links (chain_id, seq, record_id, hash) values (chain, 1, -1, '\\x00');
        perform audit.record_event('${kind}', chain, 'x.done', 'ok', 'x');
        set constraints all immediate;
        return (select count(*) || ' recorded' from audit.records as r where r.chain_id = chain);
    exception when unique_violation then
        return 'refused';
    end
    $$;
    grant execute on function pg_temp.record() to public;
`;
const moment = `
    set local role authenticated;
    select set_config('tf.moment', '2001-01-01 00:00+00', true);
    select (private.moment() = now())::text as answer
`;

export const TRIALS: readonly Trial[] = [
    {
        title: '[AUD-1] whoever comes by the Data API cannot put a record into another time',
        login: 'authenticator',
        act: moment,
        answer: 'true'
    },
    {
        title: '[AUD-1] nor whoever comes by storage',
        login: 'supabase_storage_admin',
        act: moment,
        answer: 'true'
    },
    {
        title: '[AUD-1] the owner, who imports, can',
        login: 'postgres',
        act: moment,
        answer: 'false'
    },
    {
        title: '[AUD-4] a sign-in does not fail because its record cannot be linked: the record stays, for the check to find',
        login: 'supabase_auth_admin',
        arrange: record('person'),
        act: 'select pg_temp.record() as answer',
        answer: '1 recorded'
    },
    {
        title: '[AUD-4] what the auth server did to an account would fail',
        login: 'supabase_auth_admin',
        arrange: record('account'),
        act: 'select pg_temp.record() as answer',
        answer: 'refused'
    },
    {
        title: '[AUD-4] as does what anybody else records of a person',
        login: 'authenticator',
        arrange: record('person'),
        act: 'select pg_temp.record() as answer',
        answer: 'refused'
    }
];

/** Carries out one trial and undoes it. Answers what was said. */
export async function said(sql: TransactionSql, { login, arrange = '', act }: Trial): Promise<string> {
    const undo = new Error('undo');
    let answer = '';
    await sql
        .savepoint(async (inner) => {
            await inner.unsafe(`set local session authorization default; ${arrange}`);
            await inner.unsafe(`set local session authorization ${login}`);
            const results = await inner.unsafe(act);
            const rows = (Array.isArray(results[0]) ? results.at(-1) : results) as { answer: string }[];
            answer = String(rows[0]?.answer);
            throw undo;
        })
        .catch((error: unknown) => {
            if (error !== undo) throw error;
        });
    return answer;
}
