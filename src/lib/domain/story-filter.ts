// What a person may look for in the trail, in words: the kinds of things, who, what became of it, since when.
import { formatDay } from './dates.ts';
import { actionInWords, type ActResult } from './story.ts';

/** A kind of thing that the filter offers, and the first words of the actions that belong to it. */
export type Kind = { readonly key: string; readonly label: string; readonly entities: readonly string[] };

export const KINDS: readonly Kind[] = [
    { key: 'jobs', label: 'Jobs', entities: ['job'] },
    {
        key: 'invoices',
        label: 'Invoices',
        entities: ['invoice', 'invoices', 'invoice_line', 'invoice_vat', 'portal_link']
    },
    {
        key: 'payments',
        label: 'Payments',
        entities: ['payment', 'payments', 'checkout', 'connected_account']
    },
    { key: 'customers', label: 'Customers', entities: ['customer', 'customers', 'site'] },
    { key: 'documents', label: 'Photos and documents', entities: ['document', 'documents', 'file'] },
    { key: 'mail', label: 'E-mails', entities: ['message', 'delivery', 'suppression'] },
    {
        key: 'signing-in',
        label: 'Signing in',
        entities: ['session', 'sign_in', 'password', 'email', 'factor', 'identity', 'person', 'user', 'auth']
    },
    {
        key: 'team',
        label: 'Team and roles',
        entities: ['member', 'members', 'role', 'role_permission', 'invitation', 'domain', 'join_request']
    },
    {
        key: 'business',
        label: 'The business',
        entities: ['account', 'request', 'setting', 'subscription', 'api_key', 'endpoint', 'payout']
    },
    { key: 'audit', label: 'Checks and exports', entities: ['audit', 'export'] }
];

const REST: Kind = { key: 'other', label: 'Other', entities: [] };

/** The kind that an action belongs to. */
export function kindOf(action: string): Kind {
    const [entity = ''] = action.split('.', 1);
    return KINDS.find(({ entities }) => entities.includes(entity)) ?? REST;
}

/** The kinds that have something to show, in the order of the list. */
export function kindsIn(actions: readonly string[]): readonly Kind[] {
    const found = new Set(actions.map((action) => kindOf(action).key));
    return [...KINDS, REST].filter(({ key }) => found.has(key));
}

/** What the filter says, each part null when it says nothing. */
export type FilterWords = {
    readonly thing: string | null;
    readonly kind: string | null;
    readonly action: string | null;
    readonly who: string | null;
    readonly result: ActResult | null;
    readonly since: string | null;
    readonly until: string | null;
    readonly words: string | null;
};

const RESULTS_IN_WORDS: Readonly<Record<ActResult, string>> = {
    ok: 'that were done',
    refused: 'that were refused',
    failed: 'that failed'
};

/** The filter as a sentence: “Invoices, by Jess, since 1 Nov 2026”. Null when nothing is filtered. */
export function filterInWords(filter: FilterWords): string | null {
    const what =
        filter.thing ??
        (filter.action !== null ? actionInWords(filter.action) : null) ??
        KINDS.find(({ key }) => key === filter.kind)?.label ??
        (filter.kind === REST.key ? REST.label : null);
    const parts = [
        what ?? 'Everything',
        filter.result && RESULTS_IN_WORDS[filter.result],
        filter.who && `by ${filter.who}`,
        filter.words && `about “${filter.words}”`,
        filter.since && (filter.since === filter.until ? null : `since ${formatDay(filter.since)}`),
        filter.until &&
            (filter.since === filter.until
                ? `on ${formatDay(filter.until)}`
                : `until ${formatDay(filter.until)}`)
    ].filter((part): part is string => Boolean(part));
    return parts.length === 1 && what === null ? null : parts.join(', ');
}
