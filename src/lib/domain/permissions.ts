// Permissions as a person reads them: in groups, and what a role of them adds up to. The list itself and each one's sentence
// are the database's.

/** A permission with its sentence, as the database has it: “Add and change jobs”. */
export type PermissionInWords = { readonly key: string; readonly area: string; readonly sentence: string };

/** Permissions that belong together, under a title. */
export type PermissionGroup = {
    readonly title: string;
    readonly about: string;
    readonly permissions: readonly PermissionInWords[];
};

const GROUPS = [
    {
        title: 'The work',
        about: 'Jobs, the people they are for, and photos from site.',
        areas: ['jobs', 'customers', 'documents']
    },
    {
        title: 'Money',
        about: 'Prices, what is owed and paid, and where the money goes.',
        areas: ['invoices', 'payments', 'payouts']
    },
    {
        title: 'The business',
        about: 'Its details, who works here, and what each may do.',
        areas: ['account', 'members', 'roles']
    },
    {
        title: 'Records',
        about: 'Everything that happened, and everything there is.',
        areas: ['audit', 'export']
    }
] as const;

/** Seeing, the narrow before the wide; then doing, in the order of the work: an invoice is drafted before it is sent. */
const VERBS = ['read', 'all', 'write', 'issue', 'send'];
const verb = ({ key }: PermissionInWords): string => key.slice(key.indexOf('.') + 1);
const sees = (permission: PermissionInWords): boolean => ['read', 'all'].includes(verb(permission));
const place = (permission: PermissionInWords): number => {
    const at = VERBS.indexOf(verb(permission));
    return at < 0 ? VERBS.length : at;
};
const inOrder = (some: readonly PermissionInWords[]): PermissionInWords[] =>
    some.toSorted((a, b) => place(a) - place(b));

/** The permissions in their groups, in the order of a working day. What has no group yet comes last, so that nothing is left out. */
export function groupPermissions(all: readonly PermissionInWords[]): PermissionGroup[] {
    const known: readonly string[] = GROUPS.flatMap(({ areas }) => [...areas]);
    const groups = GROUPS.map(({ title, about, areas }) => ({
        title,
        about,
        permissions: areas.flatMap((area) => inOrder(all.filter((one) => one.area === area)))
    }));
    const rest = all.filter(({ area }) => !known.includes(area));
    return rest.length === 0
        ? groups
        : [...groups, { title: 'More', about: 'What belongs to none of these.', permissions: rest }];
}

/** What somebody with these permissions sees, does, and never gets to see; and which screens open for them. */
export type RoleInWords = {
    readonly screens: readonly string[];
    readonly sees: readonly string[];
    readonly does: readonly string[];
    readonly neverSees: readonly string[];
};

/** The screens of the tab bar, by the permission that opens each. */
const SCREENS = [
    ['Today', 'account.read'],
    ['Jobs', 'jobs.read'],
    ['Money', 'invoices.read'],
    ['Customers', 'customers.read'],
    ['More', 'account.read']
] as const;

/** Tells a role by its permissions, as a preview before anybody is given it. */
export function roleInWords(held: readonly string[], all: readonly PermissionInWords[]): RoleInWords {
    const ordered = groupPermissions(all).flatMap(({ permissions }) => permissions);
    const reads = ordered.filter(sees);
    const sentencesOf = (some: readonly PermissionInWords[]): string[] =>
        some.map(({ sentence }) => sentence);
    return {
        screens: SCREENS.filter(([, key]) => held.includes(key)).map(([screen]) => screen),
        sees: sentencesOf(reads.filter(({ key }) => held.includes(key))),
        does: sentencesOf(ordered.filter((one) => !sees(one) && held.includes(one.key))),
        neverSees: sentencesOf(reads.filter(({ key }) => !held.includes(key)))
    };
}
