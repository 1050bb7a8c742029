// Reads an expression as Postgres keeps it (pg_node_tree), so that a rule judges what is called on what and not how it is
// written. Knows the notation of nodeToString(): `{NAME :field value …}`, lists in parentheses, `\` before a special character.

/** A node with its fields in order; a field may hold several values. */
export type Node = { name: string; fields: ReadonlyMap<string, readonly Value[]> };
type Value = Node | Value[] | string;

/** The tree of one expression. Throws where the text is none. */
export function parsed(text: string): Node {
    const tokens = text.match(/[{}()]|(?:\\.|[^\s{}()\\])+/gs) ?? [];
    let place = 0;
    const value = (): Value => {
        const token = tokens[place++];
        if (token === '{') return node();
        if (token === '(') {
            const items: Value[] = [];
            while (tokens[place] !== ')') items.push(value());
            place += 1;
            return items;
        }
        if (token === undefined || token === '}' || token === ')')
            throw new Error(`Not an expression: ${text}`);
        return token;
    };
    const node = (): Node => {
        const name = tokens[place++] ?? '';
        const fields = new Map<string, Value[]>();
        let current: Value[] = [];
        while (tokens[place] !== '}') {
            const next = value();
            if (typeof next === 'string' && /^:[A-Za-z]/.test(next)) {
                current = [];
                fields.set(next.slice(1), current);
            } else current.push(next);
        }
        place += 1;
        return { name, fields };
    };
    const whole = value();
    if (typeof whole === 'string' || Array.isArray(whole)) throw new Error(`Not an expression: ${text}`);
    return whole;
}

/** Nodes directly under a node, those in its lists too. */
export function children(node: Node, only?: string): Node[] {
    const nodes = (value: Value): Node[] =>
        typeof value === 'string' ? [] : Array.isArray(value) ? value.flatMap(nodes) : [value];
    return [...node.fields]
        .filter(([field]) => only === undefined || field === only)
        .flatMap(([, values]) => values.flatMap(nodes));
}

/** A node and everything below it, with the nodes above each, the nearest last. */
export function* walk(
    node: Node,
    above: readonly Node[] = []
): Generator<{ node: Node; above: readonly Node[] }> {
    yield { node, above };
    for (const child of children(node)) yield* walk(child, [...above, node]);
}

/** A field that holds one word or number. */
export function field(node: Node, name: string): string {
    const [first] = node.fields.get(name) ?? [];
    return typeof first === 'string' ? first : '';
}

/** Does a column stand anywhere in it? */
export function namesAColumn(node: Node): boolean {
    return [...walk(node)].some(({ node: { name } }) => name === 'VAR');
}

/** Does this query within an expression need the row outside of it, so that it runs anew for each? */
export function needsTheRow(subselect: Node): boolean {
    return [...walk(subselect)].some(({ node, above }) => {
        const depth = above.filter(({ name }) => name === 'QUERY').length;
        return node.name === 'VAR' && Number(field(node, 'varlevelsup')) >= depth;
    });
}
