import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'anon_reaches_what_is_listed',
    level: 'ERROR',
    title: '[ISO-1] anon reaches nothing but the functions of the private links and the anchors',
    why: 'The publishable key is public: what anon may do, the whole world may.',
    remedy: "Revoke it. What a customer without a login needs is a function that checks a token, and stands in this rule's list.",
    find: (sql) =>
        column(sql`
            select c.oid::regclass::text
            from pg_class as c
            where c.relnamespace::regnamespace::text = any (${OURS})
              and c.relkind in ('r', 'p', 'v', 'm', 'S')
              and case c.relkind
                  when 'S' then has_sequence_privilege('anon', c.oid, 'usage, select, update')
                  else has_any_column_privilege('anon', c.oid, 'select, insert, update, references')
                      or has_table_privilege('anon', c.oid, 'delete')
              end
            union all
            select p.oid::regprocedure::text
            from pg_proc as p
            where p.pronamespace::regnamespace::text = any (${OURS})
              and has_function_privilege('anon', p.oid, 'execute')
        `),
    excused: {
        'portal_invoice(text,text)':
            'A customer reads the invoice of a private link, whose token is the right.',
        'private.portal_invoice(text,text)': 'What portal_invoice(text,text) calls.',
        'invitation(text)': 'What somebody without a login is asked to join, by a token, which is the right.',
        'private.invitation(text)': 'What invitation(text) calls.',
        'audit_anchors(bigint,integer)':
            'Signed statements over the audit trail, to be kept by anybody; they name no account.',
        'private.audit_anchors(bigint,integer)': 'What audit_anchors(bigint,integer) calls.',
        'private.portal_documents()': 'The PDF of that invoice, for the policy on storage.',
        'private.before_request()':
            'The Data API asks it before every request; it refuses some and answers nothing.'
    },
    bad: `
        create table public.lint_example (account_id uuid primary key);
        grant select (account_id) on public.lint_example to anon;
    `,
    good: `
        create table public.lint_example (account_id uuid primary key);
        grant select (account_id) on public.lint_example to authenticated;
    `
};
