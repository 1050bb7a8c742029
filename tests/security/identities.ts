// The kinds of person that the matrix tries everything as, and how each comes to be who they are. bell is the business
// whose rows are asked for; finch is the other one, of which nobody of bell may see or touch anything.
import type { TransactionSql } from 'postgres';

export type Identity = {
    name: string;
    /** Whose people they are: of bell; of the other account; holders of the secret key, who belong to nobody. */
    of: 'bell' | 'finch' | 'nobody';
    /** What they may know of the other account, by the names of the scene. */
    knows?: readonly string[];
    be: (sql: TransactionSql) => Promise<unknown>;
};

const as = (person: string) => (sql: TransactionSql) => sql`select tests.authenticate_as(${person})`;

/** In the order of the columns of matrix.md and functions.md. */
export const IDENTITIES: readonly Identity[] = [
    { name: 'anon', of: 'bell', be: (sql) => sql`select tests.be_anon()` },
    {
        name: 'by link',
        of: 'bell',
        be: async (sql) => {
            await sql`select tests.send_headers(jsonb_build_object('x-tf-portal', tests.word('bell token')))`;
            await sql`select tests.be_anon()`;
        }
    },
    { name: 'owner', of: 'bell', be: as('bell owner') },
    { name: 'admin', of: 'bell', be: as('bell admin') },
    { name: 'staff', of: 'bell', be: as('bell staff') },
    { name: 'partner', of: 'bell', be: as('bell partner') },
    { name: 'agent', of: 'bell', be: as('bell agent') },
    // A role that the account made for itself: it may read jobs, and nothing else.
    { name: 'own role', of: 'bell', be: as('bell planner') },
    // Owner of bell and partner of finch: what is allowed in one account counts for nothing in the other.
    { name: 'in both', of: 'bell', be: as('bell roamer'), knows: ['finch'] },
    { name: 'other account', of: 'finch', be: as('finch owner') },
    {
        name: 'removed',
        of: 'bell',
        be: async (sql) => {
            await sql`update public.members set removed_at = now() where id = tests.id('bell leaver membership')`;
            await as('bell leaver')(sql);
        }
    },
    {
        name: 'signed out',
        of: 'bell',
        be: async (sql) => {
            await sql`delete from auth.sessions where user_id = tests.id('bell owner')`;
            await as('bell owner')(sql);
        }
    },
    {
        name: 'idle',
        of: 'bell',
        be: async (sql) => {
            await sql`
                update auth.sessions
                set created_at = now() - interval '20 days',
                    refreshed_at = (now() - interval '15 days') at time zone 'utc'
                where user_id = tests.id('bell owner')
            `;
            await as('bell owner')(sql);
        }
    },
    {
        name: 'too long',
        of: 'bell',
        be: async (sql) => {
            await sql`
                update auth.sessions
                set created_at = now() - interval '91 days',
                    refreshed_at = now() at time zone 'utc'
                where user_id = tests.id('bell owner')
            `;
            await as('bell owner')(sql);
        }
    },
    {
        // Has a second factor, and has not given it in this session.
        name: 'factor owed',
        of: 'bell',
        be: async (sql) => {
            await sql`select tests.factor('bell owner')`;
            await as('bell owner')(sql);
        }
    },
    {
        name: 'suspended',
        of: 'bell',
        be: async (sql) => {
            await sql`select tests.set_state('bell', 'suspended')`;
            await as('bell owner')(sql);
        }
    },
    {
        name: 'cancelled',
        of: 'bell',
        be: async (sql) => {
            await sql`select tests.set_state('bell', 'cancelled')`;
            await as('bell owner')(sql);
        }
    },
    {
        // Runs TradersFlow, has given a second factor just now, and belongs to no business.
        name: 'platform owner',
        of: 'nobody',
        be: async (sql) => {
            await sql`select tests.person('platform owner'), tests.factor('platform owner')`;
            await sql`select tests.give_factor('platform owner')`;
            await sql`
                insert into private.platform_owners (user_id, email)
                select u.id, u.email from auth.users as u where u.id = tests.id('platform owner')
            `;
            await sql`insert into private.blocked_networks (network, blocked_until) values ('198.51.100.77', now() + interval '1 hour')`;
            await as('platform owner')(sql);
        }
    },
    { name: 'service key', of: 'nobody', be: (sql) => sql`select tests.be_service()` }
];

/**
 * Kinds of person that the catalog says exist and the matrix does not try yet: as soon as there is a table of API keys
 * there must be a column for them.
 */
export async function missingIdentities(sql: TransactionSql): Promise<string[]> {
    const tables = await sql<{ name: string }[]>`
        select c.oid::regclass::text as name
        from pg_class as c
        where c.relkind in ('r', 'p')
          and c.relnamespace::regnamespace::text in ('public', 'private', 'service', 'audit', 'billing', 'mail')
          and c.relname ~ 'api_?keys?$'
    `;
    const tried = IDENTITIES.some(({ name }) => name === 'API key');
    return tables
        .filter(() => !tried)
        .map(
            ({ name }) =>
                `There are API keys (${name}) and nobody who tries one: add 'API key' to identities.ts.`
        );
}

/** Does some work as somebody, and undoes it and what made them who they are. */
export async function asIdentity<Answer>(
    sql: TransactionSql,
    identity: Identity,
    work: (sql: TransactionSql) => Promise<Answer>
): Promise<Answer> {
    return undone(sql, async (inner) => {
        await identity.be(inner);
        return work(inner);
    });
}

/** Does some work inside a savepoint, hands its answer back and undoes it. */
export async function undone<Answer>(
    sql: TransactionSql,
    work: (sql: TransactionSql) => Promise<Answer>
): Promise<Answer> {
    const undo = new Error('undo');
    let answer: { is: Answer } | undefined;
    try {
        await sql.savepoint(async (inner) => {
            answer = { is: await work(inner) };
            throw undo;
        });
    } catch (error) {
        if (error !== undo) throw error;
    }
    if (!answer) throw new Error('The work ended without an answer.');
    return answer.is;
}
