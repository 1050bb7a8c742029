import { OURS, column, type Rule } from './rule.ts';

export const rule: Rule = {
    name: 'secrets_are_classified',
    level: 'ERROR',
    title: '[AUD-6] every column that looks like a secret is classified',
    why: 'A secret that nobody classified ends in the audit trail, in an export or on a screen.',
    remedy: 'Name its class in audit.watch(…), secret unless you can say why not; or excuse it here when it is none.',
    find: (sql) =>
        column(sql`
            select n.nspname || '.' || c.relname || '.' || a.attname
            from pg_attribute as a
            join pg_class as c on c.oid = a.attrelid
            join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = any (${OURS})
              and c.relkind in ('r', 'p')
              and a.attnum > 0
              and not a.attisdropped
              and a.attname ~ '(^|_)(token|secret|password|passphrase|key|hash|salt|pin|otp|code|cvc|iban|card)s?(_|$)'
              and a.atttypid <> 'boolean'::regtype
              and not exists (
                  select
                  from audit.columns as classified
                  where classified.table_name = n.nspname || '.' || c.relname
                    and classified.column_name = a.attname
                    and (
                        classified.class = 'secret'
                        or a.attname !~ '(^|_)(token|secret|password|passphrase|hash|salt|pin|otp|cvc|card)s?(_|$)'
                    )
              )
        `),
    excused: {
        'private.limit_takes.key_hash':
            'HMAC of an address or a login: names a row of counts and opens nothing.',
        'private.idempotency.key': "Names a repetition of one's own act and opens nothing.",
        'private.idempotency.request_hash':
            'Of a request without secrets, to tell a repetition from another act.',
        'private.recovery_codes.code_hash':
            'In a table that nobody may read and that the trail does not follow.',
        'private.sign_in_failures.login_hash':
            'In a table that nobody may read and that the trail does not follow.',
        'private.sign_in_notices.token_hash':
            'In a table that nobody may read and that the trail does not follow.',
        'public.permissions.key': 'The name of a permission.',
        'private.role_template.role_key': 'The name of a role.',
        'audit.anchors.key_id': 'Names the public key of a signature.',
        'audit.anchors.statement_hash': 'Published: what a signature is over.',
        'audit.signing_keys.public_key': 'Published: what a signature is checked with.',
        'audit.anchor_heads.hash': 'Published: the head of a chain.',
        'audit.links.hash': 'Shown to the owner: a link of the chain.',
        'audit.segments.hash': 'Shown to the owner: where a dropped segment closed.',
        'audit.heads.hash': 'Shown to the owner: the head of a chain.'
    },
    bad: `create table private.lint_example (id uuid primary key, refresh_token text);`,
    good: `
        create table public.lint_example (account_id uuid, id uuid, refresh_token text, primary key (account_id, id));
        select audit.watch('public.lint_example', 'example', secret => array['refresh_token'], business => array['account_id', 'id']);
    `
};
