// Each layer alone. Grants, permissive policies and the restrictive ones on the state of an account all stand before another
// account's rows; here the others are taken away one after the other, and what is left must hold.
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
        const permissive = await throughPermissive(inner, trials);

        await inner`set constraints all immediate`;
        for (const { name } of ours)
            await inner.unsafe(
                `create policy "A policy written carelessly" on ${name} to authenticated using (true) with check (true)`
            );
        const restrictive = await throughRestrictive(inner, trials);
        return {
            leaks: [...permissive.leaks, ...restrictive.leaks],
            statements: permissive.statements + restrictive.statements
        };
    });
}

/** Everything granted: a person who writes in one account and only reads in another writes nothing into that one. */
async function throughPermissive(sql: TransactionSql, trials: readonly Trial[]): Promise<Got> {
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

/** Everything granted and a policy that allows everything: the state of the account, and whose it is, still decide. */
async function throughRestrictive(sql: TransactionSql, trials: readonly Trial[]): Promise<Got> {
    await letRoamerRead(sql);
    await sql`select tests.set_state('finch', 'suspended')`;
    const tries = trials.flatMap(({ verb, own, wrong, move, table }) => {
        const leak = `under a careless policy: ${verb} in ${table.name}`;
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
    return gotThrough(sql, tries);
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
