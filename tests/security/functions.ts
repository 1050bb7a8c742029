// Functions that have an address: who may call them, with the ids of their own account and with another's. What is
// expected stands in functions.md.
import type { TransactionSql } from 'postgres';
import type { Identity } from './identities.ts';
import type { Outcome } from './tables.ts';

export type ExposedFunction = {
    /** Schema and name; with its arguments where two share a name. */
    name: string;
    /** Whom the catalog lets call it. */
    granted: string;
    is_void: boolean;
    args: { name: string; type: string }[];
};

/** Every function in a schema that the Data API exposes, straight from the catalog. */
export function exposedFunctions(sql: TransactionSql): Promise<ExposedFunction[]> {
    return sql<ExposedFunction[]>`
        select
            case
                when count(*) over (partition by p.pronamespace, p.proname) > 1 then n.nspname || '.' || p.oid::regprocedure::text
                else n.nspname || '.' || p.proname
            end as name,
            coalesce(
                (
                    select string_agg(role, ' ' order by role)
                    from unnest(array['anon', 'authenticated', 'service_role']) as role
                    where has_function_privilege(role, p.oid, 'execute')
                ),
                'nobody'
            ) as granted,
            p.prorettype = 'void'::regtype as is_void,
            coalesce(
                (
                    select jsonb_agg(jsonb_build_object('name', p.proargnames[a.place], 'type', format_type(a.type, null)) order by a.place)
                    from unnest(p.proargtypes) with ordinality as a (type, place)
                ),
                '[]'
            ) as args
        from pg_proc as p
        join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname in ('public', 'service')
          and p.prokind in ('f', 'w')
          and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
        order by 1
    `;
}

/** SQL for an argument, with the things of a business in it. */
type Value = (business: string) => string;

const id =
    (thing: string): Value =>
    (business) =>
        `tests.id('${business} ${thing}')`;
const json =
    (sql: string): Value =>
    () =>
        sql;

const A_SITE = json(
    `jsonb_build_object('address_line_1', '3 Hill Rise', 'town', 'Kelsworth', 'postcode', 'KQ2 4LD')`
);
const A_CUSTOMER = json(`jsonb_build_object('name', 'Robin Marsh', 'email', 'robin@mail.example')`);
const ANY_KEY = json('gen_random_uuid()');

/** What an argument of this name is given, whatever the function. */
const BY_NAME: Record<string, Value> = {
    account_id: (business) => `tests.id('${business}')`,
    account: (business) => `'acct_matrix${business}'`,
    stripe_account_id: (business) => `'acct_matrix${business}'`,
    job_id: id('job'),
    invoice_id: id('invoice'),
    document_id: id('arrived'),
    customer_id: id('customer'),
    member_id: id('colleague membership'),
    role_id: id('mate'),
    invitation_id: id('invitation'),
    domain_id: id('domain'),
    request_id: id('request'),
    idempotency_key: ANY_KEY,
    permission: json(`'invoices.read'`),
    token: (business) => `tests.word('${business} token')`,
    customer: A_CUSTOMER,
    site: A_SITE,
    limit_rows: json('100'),
    lease_seconds: json('60'),
    object_type: json(`'account'`),
    object_id: (business) => `'acct_matrix${business}'`
};

/** What one function needs, so that it has something to do for whoever may call it. */
const BY_FUNCTION: Record<string, Record<string, Value>> = {
    'public.open_account': {
        name: json(`'Third'`),
        trade: json(`'plumber'`),
        vat_registered: json('false'),
        vat_number: json('null')
    },
    'public.create_job': {
        job: json(`jsonb_build_object('title', 'Rewire the kitchen')`)
    },
    'public.move_job': { job_id: id('newest job'), to_state: json(`'quoted'`) },
    'public.start_document': { kind: json(`'photo'`), file_name: json(`'IMG_3.jpg'`) },
    'public.finish_document': {
        content_type: json(`'image/jpeg'`),
        size_bytes: json('1234'),
        sha256: json(`repeat('ef', 32)`),
        width: json('40'),
        height: json('30')
    },
    'public.discard_document': { document_id: id('arriving') },
    'public.save_invoice': {
        invoice_id: id('draft'),
        invoice: (business) =>
            `jsonb_build_object('job_id', tests.id('${business} job'), 'customer_id', tests.id('${business} customer'))`,
        lines: json('jsonb_build_array(tests.line(12300))')
    },
    'public.invite_member': { email: json(`'new@mail.example'`) },
    'public.invitation': { token: (business) => `tests.word('${business} invitation token')` },
    'public.accept_invitation': { token: (business) => `tests.word('${business} invitation token')` },
    'public.join_by_domain': { account_id: json(`tests.id('heron')`) },
    'public.add_domain': { domain: json(`'new.example'`) },
    'public.set_domain_joining': { joining: json(`'automatic'`) },
    'public.begin_sso': {
        name: json(`'Office'`),
        issuer: json(`'https://login.example'`),
        client_id: json(`'tradersflow'`),
        role_id: (business) => `tests.role('${business}', 'staff')`
    },
    'public.begin_saml': {
        name: json(`'Office'`),
        metadata_url: json(`'https://login.example/metadata'`),
        role_id: (business) => `tests.role('${business}', 'staff')`
    },
    'service.sso_settled': {
        identifier: (business) => `tests.sso_identifier('${business}')`,
        person: id('owner'),
        outcome: json(`'on'`)
    },
    'service.sso_of_domain': { domain: json(`'heron.example'`) },
    'service.domain_looked_up': { seen: json(`'{}'`) },
    'public.unblock_network': { network: json(`'198.51.100.77/32'`), reason: json(`'a shared office'`) },
    'public.restore_member': { member_id: id('former membership') },
    'public.save_role': { permissions: json(`array['jobs.read']`) },
    'public.demand_factor': { demanded: json('true') },
    'public.use_recovery_code': { code: json(`'0000-0000-0000-0000'`) },
    'public.view_documents': { document_ids: (business) => `array[tests.id('${business} photo')]` },
    'public.report_refusal': { act: json(`'jobs.write'`), code: json(`'not_allowed'`) },
    'public.discard_invoice': { invoice_id: id('draft') },
    'public.issue_invoice': { invoice_id: id('draft'), expected_total_pence: json('12000') },
    'public.send_invoice': { to_address: json(`'priya@mail.example'`), message: json(`'Thank you'`) },
    'public.audit_trail': Object.fromEntries(
        [
            'entity',
            'entity_id',
            'actor',
            'actions',
            'result',
            'since',
            'until',
            'words',
            'before',
            'after'
        ].map((name) => [name, json('null')])
    ),
    'public.audit_verify': { outside_head: json('null') },
    'public.audit_begin_export': { format: json(`'jsonl'`) },
    'public.audit_export': {
        export_id: (business) => `tests.word('${business} export')`,
        after_seq: json('0')
    },
    'service.record_sign_in': {
        email: json('null'),
        user_id: id('owner'),
        method: json(`'password'`),
        result: json(`'ok'`),
        code: json('null'),
        device: json('null')
    },
    'service.admit': {
        wanted: json(`'[{"limit": "password", "key": "sam"}]'`),
        login: json(`'sam@mail.example'`),
        method: json(`'password'`),
        address: json(`'198.51.100.7'`),
        at_known_device: json('false'),
        captcha: json('null')
    },
    'service.note_failure': { login: json(`'sam@mail.example'`), address: json(`'198.51.100.7'`) },
    'service.judge_sign_in': {
        session_id: id('session'),
        method: json(`'code'`),
        device: json('null'),
        address: json(`'198.51.100.7'`),
        country: json(`'GB'`),
        at_known_device: json('false'),
        on_a_list: json('false')
    },
    'service.put_back': { wanted: json(`'[{"limit": "password", "key": "sam"}]'`), whole: json('true') },
    'public.enter': { acting_in: json('null') },
    'service.spend': {
        wanted: json(`'[{"limit": "export", "key": "bell"}]'`),
        code: json(`'too_many_tries'`)
    },
    'public.end_session': { session_id: id('session') },
    'service.record_session': {
        session_id: id('session'),
        device: json(`'Firefox on Linux'`),
        known: json('false'),
        method: json(`'password'`)
    },
    'public.my_sign_ins': { before_at: json('null'), before_id: json('null'), page_size: json('2') },
    'service.provider_entry': { auth_code: (business) => `tests.word('${business} provider code')` },
    'service.disowned_by': { token: (business) => `tests.word('${business} notice')` },
    'service.former_address': { token: (business) => `tests.word('${business} notice')` },
    'service.disown_sign_in': { token: (business) => `tests.word('${business} notice')` },
    'public.audit_anchor': { number: json('null'), person_id: json('null') },
    'public.audit_anchors': { before_number: json('null') },
    'service.store_anchor': {
        anchor: (business) => `tests.word('${business} next anchor')`,
        public_key: json(`'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'`)
    },
    'service.record_refusal': {
        context: (business) => `jsonb_build_object('account_id', tests.id('${business}'))`,
        action: json(`'document.refused'`),
        detail: json(`'{}'`)
    },
    'service.record_event': {
        context: json(`'{}'`),
        chain_kind: json(`'account'`),
        chain_id: (business) => `tests.id('${business}')`,
        action: json(`'document.viewed'`),
        result: json(`'ok'`),
        detail: json(`'{}'`)
    },
    'service.record_stripe_event': {
        event: json(`jsonb_build_object(
            'id', 'evt_matrix', 'type', 'account.updated', 'created', now(), 'livemode', false,
            'object_type', 'account', 'object_id', 'acct_matrix', 'sha256', repeat('ab', 32)
        )`)
    },
    'service.forget_document': { document_id: id('abandoned') },
    'service.checkout_opened': {
        attempt: id('attempt'),
        session_id: json(`'cs_matrix'`),
        url: json(`'https://pay.example'`)
    },
    'service.mail_sent': { id: id('message'), lease: id('lease') },
    'service.mail_failed': { id: id('message'), lease: id('lease') },
    'service.apply_stripe_object': {
        fields: json(
            `jsonb_build_object('charges_enabled', true, 'payouts_enabled', true, 'details_submitted', true)`
        )
    },
    'service.enqueue_auth_mail': {
        template: json(`'sign_in_code'`),
        to_address: json(`'priya@mail.example'`),
        data: json(`'{}'`)
    }
};

const BY_TYPE: Record<string, string> = {
    uuid: 'gen_random_uuid()',
    jsonb: `'{}'`,
    text: `'matrix'`,
    boolean: 'true',
    integer: '1',
    bigint: '1',
    'timestamp with time zone': 'now()',
    date: 'current_date'
};

/** The call with the things of one business, or with those of another for single arguments. */
export function callOf(
    { name, args }: ExposedFunction,
    business: string,
    instead: Record<string, string> = {}
): string {
    const given = args.map((argument) => {
        const value = BY_FUNCTION[name]?.[argument.name] ?? BY_NAME[argument.name];
        const sql = value?.(instead[argument.name] ?? business) ?? BY_TYPE[argument.type] ?? 'null';
        return `"${argument.name}" => (${sql})::${argument.type}`;
    });
    return `${name.replace(/\(.*$/s, '')}(${given.join(', ')})`;
}

/**
 * The arguments that carry a thing of a business: those that differ between two businesses. A link's token is none of
 * them: whoever holds one may open what it opens, and nobody else has it.
 */
export function ownedArguments(fn: ExposedFunction): string[] {
    return fn.args
        .map(({ name }) => name)
        .filter((name) => name !== 'token')
        .filter((name) => callOf(fn, 'bell') !== callOf(fn, 'bell', { [name]: 'finch' }));
}

export type Answer = { answer: string | null; refusal: string | null; harm: boolean };

/** What every member does in their account, whatever the role: whoever belongs to two does it in both. */
export const OF_EVERY_MEMBER: readonly string[] = ['public.report_refusal'];

const NOTHING = ['false', '0', '[]', '{}'];

/** own: it did its work; none: it answered that there is nothing; no: refused, or as if nothing existed. Else our code. */
export function outcomeOfCall(fn: ExposedFunction, { answer, refusal }: Answer): Outcome {
    if (refusal === null)
        return !fn.is_void && (answer === null || NOTHING.includes(answer)) ? 'none' : 'own';
    const [code = '', hint = ''] = refusal.split(' ');
    if (code === '42501' || code === 'PT404' || hint === 'not_found' || hint === 'link_not_valid')
        return 'no';
    return hint || code;
}

/** What was wrong about an answer to a call with another account's ids: it shows something of that account, or did harm. */
export function leakOf(
    identity: Identity,
    { answer, harm }: Answer,
    foreign: readonly string[]
): string | null {
    if (identity.of === 'nobody') return null;
    if (harm) return 'changed what another account holds';
    const shown = foreign.filter((id) => answer?.includes(id));
    return shown.length > 0 ? `showed ${shown.length} ids of another account` : null;
}
