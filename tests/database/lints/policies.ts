// The policies of the schema, their conditions read as trees.
import { children, field, namesAColumn, needsTheRow, parsed, walk, type Node } from './expression.ts';
import { OURS, type Sql } from './rule.ts';

export type Policy = {
    /** table "name" */
    object: string;
    roles: string[];
    /** r, a, w, d or * for all. */
    command: string;
    /** `using` and `with check`, as far as there are. */
    terms: Term[];
};

/** A condition, with the functions it calls but for those that Postgres replaces by their answer beforehand. */
export type Term = { tree: Node; calls: Call[] };

/** A function that a condition calls, whether on a column, and whether for each row. */
export type Call = { name: string; onAColumn: boolean; perRow: boolean };

/** Every policy on a table of ours, and on the tables of storage. */
export async function policies(sql: Sql): Promise<Policy[]> {
    const rows = await sql<(Omit<Policy, 'terms'> & { trees: string[] })[]>`
        select
            p.polrelid::regclass || ' "' || p.polname || '"' as object,
            array(select case member when 0 then 'public' else member::regrole::text end from unnest(p.polroles) as member) as roles,
            p.polcmd::text as command,
            array_remove(array[p.polqual::text, p.polwithcheck::text], null) as trees
        from pg_policy as p
        join pg_class as c on c.oid = p.polrelid
        where c.relnamespace::regnamespace::text = any (${[...OURS, 'storage']})
        order by 1
    `;
    const read = rows.map(({ trees, ...policy }) => ({
        ...policy,
        terms: trees.map(parsed).map((tree) => ({ tree, found: [...walk(tree)].filter(isCall) }))
    }));
    const ids = read.flatMap(({ terms }) => terms.flatMap(({ found }) => found.map(idOf)));
    const functions = await sql<{ id: string; name: string; immutable: boolean }[]>`
        select p.oid::text as id, p.oid::regproc::text as name, p.provolatile = 'i' as immutable
        from pg_proc as p
        where p.oid::text = any (${[...new Set(ids)]})
    `;
    const known = new Map(functions.map((one) => [one.id, one]));
    return read.map((policy) => ({
        ...policy,
        terms: policy.terms.map(({ tree, found }) => ({
            tree,
            calls: found.flatMap((step): Call[] => {
                const { name = 'current_user', immutable = false } = known.get(idOf(step)) ?? {};
                const onAColumn = namesAColumn(step.node);
                return immutable && !onAColumn ? [] : [{ name, onAColumn, perRow: runsPerRow(step.above) }];
            })
        }))
    }));
}

type Step = { node: Node; above: readonly Node[] };

const isCall = ({ node }: Step): boolean => node.name === 'FUNCEXPR' || node.name === 'SQLVALUEFUNCTION';
const idOf = ({ node }: Step): string => field(node, 'funcid');

/** Once a statement is what stands in a query of its own that doesn't need the row. */
function runsPerRow(above: readonly Node[]): boolean {
    const query = above.findLast(({ name }) => name === 'SUBLINK');
    const [subselect] = query ? children(query, 'subselect') : [];
    return !subselect || needsTheRow(subselect);
}
