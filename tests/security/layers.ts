// Each layer alone. Grants, policies, and what refuses a policy written carelessly, all stand before another account's rows;
// here the others are taken away one after the other, and what is left must hold.
import postgres from 'postgres';
import type { TransactionSql } from 'postgres';
import { asIdentity, IDENTITIES, undone } from './identities.ts';
import type { Identity } from './identities.ts';
import { reached, trialsOf } from './tables.ts';
import type { Table, Trial } from './tables.ts';

const named = (name: string): Identity => {
    const identity = IDENTITIES.find((one) => one.name === name);
    if (!identity) throw new Error(`Nobody is called ${name}.`);
    return identity;
};

/** Whoever has no business with bell's rows, or no longer. */
const STRANGERS = ['other account', 'removed', 'signed out', 'idle', 'too long'];

type Try = { who: string; text: string; leak: string; may: 'be refused' | 'find nothing' };

/** What got through although one layer was left, of how many statements. */
type Got = { leaks: string[]; statements: number };

/** Takes layer after layer away. */
export async function eachLayerAlone(sql: TransactionSql, tables: readonly Table[]): Promise<Got> {
    const ours = tables.filter(
        ({ name, owner_column: owner, is_table }) => is_table && name.startsWith('public.') && owner !== null
    );
    if (ours.length === 0) return { leaks: [], statements: 0 };
    return undone(sql, async (inner) => {
        const trials: Trial[] = [];
        for (const table of ours) {
            const theirs = await trialsOf(inner, table);
            if (typeof theirs !== 'string') trials.push(...theirs);
        }
        for (const { name } of ours)
            await inner.unsafe(`grant select, insert, update, delete on ${name} to authenticated`);
        const found = [
            await throughRoles(inner, trials),
            await throughStates(inner, trials),
            await throughCarelessPolicies(inner, ours)
        ];
        return {
            leaks: found.flatMap(({ leaks }) => leaks),
            statements: found.reduce((sum, { statements }) => sum + statements, 0)
        };
    });
}

/** Everything granted: a person who writes in one account and only reads in another writes nothing into that one. */
async function throughRoles(sql: TransactionSql, trials: readonly Trial[]): Promise<Got> {
    return undone(sql, async (inner) => {
        await letRoamerRead(inner);
        const tries = trials.flatMap(({ verb, wrong, move, table }) => {
            const leak = `with every grant: ${verb} of somebody who may only read there, in ${table.name}`;
            const texts = verb === 'select' || verb === 'truncate' ? [] : [wrong, move];
            return texts
                .filter((text) => text !== null)
                .map((text): Try => ({ who: 'in both', text, leak, may: 'be refused' }));
        });
        return gotThrough(inner, tries);
    });
}

/** Everything granted: whoever is no member any more finds nothing, and nothing is written where the state forbids it. */
async function throughStates(sql: TransactionSql, trials: readonly Trial[]): Promise<Got> {
    return undone(sql, async (inner) => {
        await letRoamerRead(inner);
        await inner`select tests.set_state('finch', 'suspended')`;
        const tries = trials.flatMap(({ verb, own, wrong, move, table }) => {
            const leak = `with every grant, by who no longer may: ${verb} in ${table.name}`;
            // Adding is refused; for the other verbs there is nothing to be seen, and so nothing to be refused.
            const may = verb === 'insert' ? 'be refused' : 'find nothing';
            const by = (who: string): Try => ({ who, text: own, leak, may });
            const strangers = STRANGERS.map(by);
            if (verb === 'select') return strangers;
            if (verb === 'truncate') return [];
            const elsewhere = [wrong, move]
                .filter((text) => text !== null)
                .map((text): Try => ({
                    who: 'in both',
                    text,
                    leak: `${leak}, into a suspended account`,
                    may: 'be refused'
                }));
            return [...strangers, ...['suspended', 'cancelled'].map(by), ...elsewhere];
        });
        return gotThrough(inner, tries);
    });
}

/** A policy that would open every table to everybody: refused when it is written, whichever verb it is for. */
async function throughCarelessPolicies(sql: TransactionSql, tables: readonly Table[]): Promise<Got> {
    await sql`set constraints all immediate`;
    const leaks: string[] = [];
    const terms = {
        select: 'using (true)',
        insert: 'with check (true)',
        update: 'using (true) with check (true)',
        delete: 'using (true)',
        all: 'using (true)'
    };
    for (const { name } of tables)
        for (const [verb, term] of Object.entries(terms)) {
            const made = await sql
                .savepoint((inner) =>
                    inner.unsafe(
                        `create policy "A policy written carelessly" on ${name} for ${verb} to authenticated ${term}`
                    )
                )
                .then(() => true)
                .catch((error: unknown) => {
                    if (error instanceof postgres.PostgresError && error.hint === 'policy_asks_nobody')
                        return false;
                    throw error;
                });
            if (made) leaks.push(`anybody: a careless policy on ${name} for ${verb} could be written`);
        }
    return { leaks, statements: tables.length * Object.keys(terms).length };
}

/** bell's roamer, who owns bell, may read everything in finch and write nothing. */
async function letRoamerRead(sql: TransactionSql): Promise<void> {
    await sql`
        insert into public.role_permissions (account_id, role_id, permission)
        select r.account_id, r.id, p.key
        from public.roles as r
        cross join public.permissions as p
        where r.account_id = tests.id('finch')
          and r.key = 'partner'
          and p.key like '%.read'
        on conflict do nothing
    `;
}

async function gotThrough(sql: TransactionSql, tries: readonly Try[]): Promise<Got> {
    const leaks: string[] = [];
    for (const who of new Set(tries.map((one) => one.who))) {
        const theirs = tries.filter((one) => one.who === who);
        const answers = await asIdentity(
            sql,
            named(who),
            (inner) => inner<{ answer: string; place: number }[]>`
                select tests.attempt(tried.text) as answer, tried.place::int
                from unnest(${theirs.map(({ text }) => text)}::text[]) with ordinality as tried (text, place)
            `
        );
        for (const { answer, place } of answers) {
            const { leak = '', may = 'be refused' } = theirs[place - 1] ?? {};
            if (may === 'be refused' ? reached(answer) > 0 : answer !== 'rows 0')
                leaks.push(`${who}: ${leak} (${answer})`);
        }
    }
    return { leaks, statements: tries.length };
}
