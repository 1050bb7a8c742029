import { policies } from './policies.ts';
import { field, walk, type Node } from './expression.ts';
import type { Rule } from './rule.ts';

export const rule: Rule = {
    name: 'policies_leave_the_plan_alone',
    level: 'WARN',
    title: 'no policy has the planner guess how many accounts somebody has',
    why: 'The planner takes "= any (…)" for ten accounts and multiplies that into the statement\'s own account filter, once for each policy and table: joins among a million rows took twenty times as long.',
    remedy: 'Write nullif(account_id = any (…), false) is not unknown: as true, as false, and expected of nearly every row.',
    find: async (sql) =>
        (await policies(sql))
            .filter(({ terms }) =>
                terms.some(({ tree }) =>
                    [...walk(tree)].some(
                        ({ node, above }) =>
                            node.name === 'SCALARARRAYOPEXPR' &&
                            !isNeutral(above) &&
                            [...walk(node)].some(({ node: below }) => below.name === 'SUBLINK')
                    )
                )
            )
            .map(({ object }) => object),
    excused: Object.fromEntries(
        [
            'Members delete their uploads, and files that are not in use',
            'Members upload again the file of a document that they started',
            'Members upload the file of a document that they started',
            'Members view the files of documents that they may see'
        ].map((name) => [
            `storage.objects "${name}"`,
            'Storage asks for one bucket and joins nothing; as part of the index condition, what is hidden is not even read.'
        ])
    ),
    bad: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example for select to authenticated
            using (account_id = any ((select private.accounts_with('jobs.read'))::uuid[]));
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        create policy "Example" on public.lint_example for select to authenticated
            using (nullif(account_id = any ((select private.accounts_with('jobs.read'))::uuid[]), false) is not unknown);
    `
};

/** In `nullif(…) is not unknown`: a boolean test of kind 5 over a nullif. */
function isNeutral(above: readonly Node[]): boolean {
    const [test, nullif] = above.slice(-2);
    return (
        nullif?.name === 'NULLIFEXPR' && test?.name === 'BOOLEANTEST' && field(test, 'booltesttype') === '5'
    );
}
