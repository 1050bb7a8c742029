/**
 * Stripe's nested form keys, `line_items[0][price_data][currency]=gbp`, as plain nested objects. It knows nothing of
 * what a parameter means: a list stays an object with numbers for keys until a schema asks for a list.
 */
import { faults } from './errors.ts';

export type FormValue = string | { [key: string]: FormValue };
export type Form = { [key: string]: FormValue };

const DEEPEST = 12;

/**
 * Reads form pairs (a body or a query).
 * @throws StripeFault 400 for a key that is no well-formed path, or that is used both as a value and as a parent.
 */
export function readForm(pairs: URLSearchParams): Form {
    const form = emptyForm();
    const appended = new Map<string, number>();
    for (const [key, value] of pairs) {
        place(form, pathOf(key, appended), value, key);
    }
    return form;
}

/** Objects without a prototype: a key called `__proto__` is a key like any other. */
function emptyForm(): Form {
    return Object.create(null) as Form;
}

function pathOf(key: string, appended: Map<string, number>): string[] {
    const shape = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(key);
    if (!shape) throw faults.unknownParameters([key]);
    const path = [shape[1] ?? ''];
    for (const [, segment] of (shape[2] ?? '').matchAll(/\[([^[\]]*)\]/g)) {
        path.push(segment || nextIndex(path, appended));
    }
    if (path.length > DEEPEST) throw faults.unknownParameters([key]);
    return path;
}

/** `expand[]=a&expand[]=b` counts up where the client wrote no index. */
function nextIndex(parents: string[], appended: Map<string, number>): string {
    const list = parents.join('\n');
    const index = appended.get(list) ?? 0;
    appended.set(list, index + 1);
    return String(index);
}

function place(form: Form, path: string[], value: string, key: string): void {
    let parent = form;
    for (const segment of path.slice(0, -1)) {
        const child = (parent[segment] ??= emptyForm());
        if (typeof child === 'string') throw faults.invalidParameter(key, `Invalid object: ${key}`);
        parent = child;
    }
    const last = path.at(-1) ?? '';
    if (typeof parent[last] === 'object') throw faults.invalidParameter(key, `Invalid string: ${key}`);
    parent[last] = value;
}
