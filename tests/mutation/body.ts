// Reads the body of a function, as far as is needed to take a guard or a condition out of it. Pure: text in, texts out.

/** A stretch of a body that stands for a mutant: `text` takes the place of what lies between `from` and `to`. */
export type Cut = { from: number; to: number; text: string; what: string };

type Token = { text: string; from: number; to: number; depth: number };

const PIECE =
    /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|[\p{L}_][\p{L}\p{N}_$]*|[0-9][0-9.]*|<>|>=|<=|::|\|\||:=|=>|->>|->|#>>|#>|\S/gu;

/** The words and signs of a body with the depth of parentheses (and of `case … end`) they stand at; comments left out. */
function tokensOf(body: string): Token[] {
    const tokens: Token[] = [];
    let depth = 0;
    // `end if` and `end loop` close no case; a case inside an expression does.
    const cases: number[] = [];
    for (const match of body.matchAll(PIECE)) {
        const text = match[0];
        if (text.startsWith('--') || text.startsWith('/*')) continue;
        const word = text.toLowerCase();
        if (text === ')') depth -= 1;
        if (word === 'end' && cases.at(-1) === depth - 1) {
            depth -= 1;
            cases.pop();
        }
        tokens.push({ text: word, from: match.index, to: match.index + text.length, depth });
        if (text === '(') depth += 1;
        if (word === 'case') {
            cases.push(depth);
            depth += 1;
        }
    }
    return tokens;
}

/** Each statement of plpgsql that stops an act: `perform private.require(…)`, `perform private.fail(…)`, `raise exception …`. */
export function guardsIn(body: string): Cut[] {
    const tokens = tokensOf(body);
    const cuts: Cut[] = [];
    for (const [i, token] of tokens.entries()) {
        const calls = tokens.slice(i + 1, i + 4).map(({ text }) => text);
        const stops =
            (token.text === 'perform' && /^private\.(require\w*|fail)$/.test(calls.join(''))) ||
            (token.text === 'raise' && calls[0] === 'exception');
        if (!stops) continue;
        const end = tokens.slice(i).find(({ text, depth }) => text === ';' && depth === token.depth);
        if (!end) continue;
        cuts.push({
            from: token.from,
            to: end.to,
            text: 'null;',
            what: `without ${quote(body, token.from, end.from)}`
        });
    }
    return cuts;
}

/** Where a condition begins, and what ends it at the same depth. */
const OPENERS = new Set(['where', 'on', 'if', 'elsif', 'having']);
const ENDS = new Set([
    ...[
        'then',
        ';',
        'order',
        'group',
        'limit',
        'for',
        'returning',
        'join',
        'left',
        'right',
        'inner',
        'cross',
        'where'
    ],
    ...['loop', 'union', 'on', 'having', 'into', 'offset', 'window', 'set', 'do']
]);

/**
 * Each term of each condition, taken out so that the condition asks for one thing less: one joined by `and` is made true,
 * one of an `if` joined by `or` false. A `where` of alternatives is made true as a whole. An `if` of a single term is left
 * to guardsIn: what it guards is the statement inside.
 */
export function conditionsIn(body: string): Cut[] {
    const tokens = tokensOf(body);
    const cuts: Cut[] = [];
    for (const [i, opener] of tokens.entries()) {
        if (!OPENERS.has(opener.text) || isNoCondition(tokens, i)) continue;
        const terms = termsFrom(tokens, i + 1, opener.depth);
        const [first, last] = [terms[0], terms.at(-1)];
        const branches = opener.text === 'if' || opener.text === 'elsif';
        if (!first || !last || (branches && terms.length === 1)) continue;
        const alternatives = terms.some(({ joined }) => joined === 'or');
        const wanted = alternatives && !branches ? [{ ...first, to: last.to, joined: 'and' }] : terms;
        for (const { from, to, joined } of wanted) {
            const [begin, end] = [tokens[from], tokens[to - 1]];
            if (!begin || !end) continue;
            cuts.push({
                from: begin.from,
                to: end.to,
                text: joined === 'or' ? 'false' : 'true',
                what: `${opener.text} without ${quote(body, begin.from, end.to)}`
            });
        }
    }
    return cuts;
}

/** `end if`, `on conflict`, `on constraint`, `on commit`, `on true`: nothing is asked there. */
function isNoCondition(tokens: readonly Token[], i: number): boolean {
    const before = tokens[i - 1]?.text ?? '';
    const after = tokens[i + 1]?.text ?? '';
    if (tokens[i]?.text === 'if') return before === 'end';
    return tokens[i]?.text === 'on' && ['conflict', 'constraint', 'commit', 'true'].includes(after);
}

type Term = { from: number; to: number; joined: 'and' | 'or' };

/** The terms of the condition that begins at token `start`, split at its `and` or `or`. */
function termsFrom(tokens: readonly Token[], start: number, depth: number): Term[] {
    const splits: { at: number; word: 'and' | 'or' }[] = [];
    let end = start;
    let between = 0;
    for (; end < tokens.length; end += 1) {
        const token = tokens[end];
        if (!token || token.depth < depth) break;
        if (token.depth > depth) continue;
        // left(…) and right(…) are functions, no joins.
        const isCall = /^(left|right)$/.test(token.text) && tokens[end + 1]?.text === '(';
        if (ENDS.has(token.text) && !isCall) break;
        if (token.text === 'between') between += 1;
        if (token.text === 'and' && between > 0) between -= 1;
        else if (token.text === 'and' || token.text === 'or') splits.push({ at: end, word: token.text });
    }
    const edges = [start - 1, ...splits.map(({ at }) => at), end];
    return edges.slice(0, -1).map((edge, i) => ({
        from: edge + 1,
        to: edges[i + 1] ?? end,
        joined: (splits[i] ?? splits[i - 1])?.word ?? 'and'
    }));
}

/** A stretch of the body on one line, short enough to read in a list and whole enough to tell from the others. */
function quote(body: string, from: number, to: number): string {
    const line = body.slice(from, to).replace(/\s+/g, ' ').trim();
    return line.length <= 110 ? line : `${line.slice(0, 107)}…`;
}

/** The body with one cut made. */
export const cutOut = (body: string, { from, to, text }: Cut): string =>
    body.slice(0, from) + text + body.slice(to);
