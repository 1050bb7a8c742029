import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OURS, column, type Rule } from './rule.ts';

const list = join(import.meta.dirname, '..', '..', 'security', 'reviewed-definers.txt');

/** The lines of the reviewed list: function · who may run it. */
function reviewed(): string[] {
    return readFileSync(list, 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.replace(/ {2,}/, ' · '));
}

export const rule: Rule = {
    name: 'definers_are_reviewed',
    level: 'ERROR',
    title: '[ISO-4] what runs with its owner’s rights is on the reviewed list, with who may run it',
    why: 'Such a function passes over row-level security: it must check for itself, and somebody must have read that it does.',
    remedy: 'Write it as security invoker, or review it and add its line to tests/security/reviewed-definers.txt. None is in public.',
    async find(sql) {
        const definers = await column(sql`
            select p.pronamespace::regnamespace || '.' || p.proname || '(' || (
                select coalesce(string_agg(format_type(type, null), ',' order by place), '')
                from unnest(p.proargtypes) with ordinality as argument (type, place)
            ) || ') · ' || coalesce(
                (
                    select string_agg(role, ' ' order by role)
                    from unnest(array['anon', 'authenticated', 'service_role']) as role
                    where has_function_privilege(role, p.oid, 'execute')
                ),
                'nobody'
            )
            from pg_proc as p
            where p.prosecdef
              and p.pronamespace::regnamespace::text = any (${OURS})
        `);
        const lines = reviewed();
        return [
            ...definers.filter((line) => !lines.includes(line) || line.startsWith('public.')),
            ...lines
                .filter((line) => !definers.includes(line))
                .map((line) => `${line} (in the list, not in the schema)`)
        ];
    },
    bad: `
        create function private.lint_example() returns integer language sql security definer set search_path = '' as 'select 1';
    `,
    good: `
        create function private.lint_example() returns integer language sql security invoker set search_path = '' as 'select 1';
    `
};
