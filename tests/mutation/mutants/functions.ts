// Mutants of functions: what they run with, the guards and conditions in their bodies, and what they answer.
import type { ISql } from 'postgres';
import { conditionsIn, cutOut, guardsIn } from '../body.ts';
import type { Cut } from '../body.ts';
import { OURS } from '../mutant.ts';
import type { Mutant } from '../mutant.ts';

/** Every function: its search_path unset; with its owner's rights where it has the caller's. Every view: with its owner's. */
export const settings = (sql: ISql): PromiseLike<Mutant[]> => sql<Mutant[]>`
    select
        'function settings' as kind,
        p.oid::regprocedure::text as object,
        mutation.what,
        format('alter function %s %s', p.oid::regprocedure, mutation.clause) as sql,
        null as table,
        array[p.proname::text] as words
    from pg_proc as p,
        lateral (
            values
                ('search_path is the caller''s', 'reset search_path', p.proconfig::text like '%search\\_path=%'),
                ('runs with its owner''s rights', 'security definer', not p.prosecdef),
                ('runs with its caller''s rights', 'security invoker', p.prosecdef)
        ) as mutation (what, clause, stands)
    where p.pronamespace::regnamespace::text = any (${OURS})
      and p.prokind = 'f'
      and mutation.stands
    union all
    select
        'view settings',
        c.oid::regclass::text,
        'runs with its owner''s rights',
        format('alter view %s reset (security_invoker)', c.oid::regclass),
        c.oid::regclass::text,
        array[c.relname::text]
    from pg_class as c
    where c.relnamespace::regnamespace::text = any (${OURS})
      and c.relkind = 'v'
      and c.reloptions::text like '%security_invoker%'
    order by kind, object, what
`;

type Function = {
    name: string;
    object: string;
    schema: string;
    definer: boolean;
    body: string;
    definition: string;
    /** The tables whose triggers run it. */
    fires_on: string[];
};

/**
 * Every body: without each statement that stops an act; and, where row-level security does not stand behind it (all but
 * the callers' own functions in public), with each condition that says whose a thing is asking for one thing less. A boolean
 * answer becomes always yes.
 */
export async function bodies(sql: ISql): Promise<Mutant[]> {
    const functions = await sql<Function[]>`
        select
            p.proname as name,
            p.oid::regprocedure::text as object,
            n.nspname as schema,
            p.prosecdef as definer,
            p.prosrc as body,
            pg_get_functiondef(p.oid) as definition,
            array(
                select c.relname::text
                from pg_trigger as t
                join pg_class as c on c.oid = t.tgrelid
                where t.tgfoid = p.oid
            ) as fires_on
        from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace
        join pg_language as l on l.oid = p.prolang
        where n.nspname = any (${OURS})
          and p.prokind = 'f'
          and l.lanname in ('sql', 'plpgsql')
        order by object
    `;
    const answers = await sql<Mutant[]>`
        select
            'function answer' as kind,
            p.oid::regprocedure::text as object,
            'always yes' as what,
            format(
                'create or replace function %I.%I(%s) returns boolean language sql %s as %L',
                n.nspname, p.proname, pg_get_function_arguments(p.oid),
                case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else '' end
                    || case when p.prosecdef then ' security definer' else '' end || ' set search_path = ''''',
                'select true'
            ) as sql,
            null as table,
            array[p.proname::text] as words
        from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname = any (${OURS})
          and p.prorettype = 'boolean'::regtype
          and not p.proretset
        order by object
    `;
    const words = wordsOf(functions);
    return [
        ...functions.flatMap((one) => mutantsOf(one, words(one.name))),
        ...answers.map((answer) => ({ ...answer, words: words(answer.words[0] ?? '') }))
    ];
}

/** Tests seldom name a helper: they name what calls it, and the tables it works on. */
function wordsOf(functions: readonly Function[]): (name: string) => string[] {
    const callersOf = (name: string): string[] =>
        functions.filter(({ body }) => new RegExp(`\\.${name}\\(`).test(body)).map((caller) => caller.name);
    const tablesOf = (name: string): string[] =>
        functions
            .filter((one) => one.name === name)
            .flatMap(({ body }) => [
                ...body.matchAll(/\b(?:public|private|billing|mail|audit)\.(\w+)\b(?!\()/g)
            ])
            .map(([, table = '']) => table);
    return (name) => {
        const near = [
            ...callersOf(name),
            ...functions.filter((one) => one.name === name).flatMap((one) => one.fires_on)
        ];
        const far = near.flatMap(callersOf);
        return [...new Set([name, ...near, ...far, ...tablesOf(name)])];
    };
}

/** What says whose a thing is, or whether a right still holds. Other conditions say which thing is meant, and guard nothing. */
const WHOSE =
    /account|chain|owner|user_id|auth\.|person|created_by|session|token|lease|fence|permission|role|(removed|revoked|expires)_at|_until|not_after|access|bucket/;

function mutantsOf(one: Function, words: string[]): Mutant[] {
    const guards = guardsIn(one.body);
    const conditions =
        one.schema === 'public' && !one.definer
            ? []
            : conditionsIn(one.body).filter(({ what }) => WHOSE.test(what));
    return [
        ...told(one, words, 'function guard', guards),
        ...told(one, words, 'function condition', conditions)
    ];
}

/** The same cut may stand in a body twice: then they are counted. */
function told(one: Function, words: string[], kind: Mutant['kind'], cuts: readonly Cut[]): Mutant[] {
    const seen = new Map<string, number>();
    return cuts.map((cut) => {
        const count = (seen.get(cut.what) ?? 0) + 1;
        seen.set(cut.what, count);
        return {
            kind,
            object: one.object,
            what: count === 1 ? cut.what : `${cut.what} (${count})`,
            sql: one.definition.replace(one.body, () => cutOut(one.body, cut)),
            table: null,
            words
        };
    });
}
