/** Lists in forms that a browser sends without script: inputs named `lines[0].description`, `lines[0].kind`, … */

/** Has the form such inputs, and was it not sent as JSON by an enhanced page? */
export function hasRows(data: FormData): boolean {
    return !data.has('__superform_json') && [...data.keys()].some((name) => /\[\d+\]\./.test(name));
}

/** Turns `lines[0].kind=labour` into `{ lines: [{ kind: 'labour' }] }`. Empty rows at the end are left out. */
export function nestedFields(data: FormData): Record<string, unknown> {
    // A map, since names come from outside: `__proto__` is one like any other.
    const fields = new Map<string, unknown>();
    const rows = new Map<string, Record<string, string>[]>();
    for (const [name, value] of data) {
        if (typeof value !== 'string') continue;
        const match = /^([a-z_]+)\[(\d{1,3})\]\.([a-z_]+)$/i.exec(name);
        if (!match) {
            fields.set(name, value);
            continue;
        }
        const [, list = '', index = '', field = ''] = match;
        const all = rows.get(list) ?? [];
        rows.set(list, all);
        (all[Number(index)] ??= {})[field] = value;
    }
    for (const [list, all] of rows) {
        const filled = all.filter(
            (row) => row !== undefined && Object.values(row).some((text) => text.trim() !== '')
        );
        fields.set(list, filled);
    }
    return Object.fromEntries(fields);
}
