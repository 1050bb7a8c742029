// Cuts an SQL file into its statements, so that an error can name its line and each is recorded by itself.

export type Statement = {
    text: string;
    /** Line of the file on which the statement begins, from 1. */
    line: number;
};

/**
 * Splits at semicolons outside strings, quoted names, dollar quotes, comments, parentheses and
 * `begin atomic … end` bodies. Comments in front of a statement are left out of it.
 */
export function splitStatements(sql: string): Statement[] {
    const statements: Statement[] = [];
    let start = -1;
    let depth = 0;
    let at = 0;
    const close = (end: number) => {
        const text = start < 0 ? '' : sql.slice(start, end).trim();
        if (text !== '') statements.push({ text, line: lineOf(sql, start) });
        start = -1;
        depth = 0;
    };
    while (at < sql.length) {
        const skipped = endOfComment(sql, at);
        if (skipped > at) {
            at = skipped;
            continue;
        }
        const char = sql[at] as string;
        if (/\s/.test(char)) {
            at += 1;
            continue;
        }
        if (char === ';' && depth === 0) {
            close(at);
            at += 1;
            continue;
        }
        if (start < 0) start = at;
        const quoted = endOfQuote(sql, at);
        if (quoted > at) {
            at = quoted;
            continue;
        }
        const word = /^[\p{L}_][\p{L}\p{N}_$]*/u.exec(sql.slice(at, at + 128))?.[0];
        if (word === undefined) {
            if (char === '(') depth += 1;
            if (char === ')') depth -= 1;
            at += 1;
            continue;
        }
        const body = /^begin\s+atomic\b/i.exec(sql.slice(at, at + 64));
        if (body) {
            depth += 1;
            at += body[0].length;
            continue;
        }
        // Inside an atomic body `case` and `end` pair up too; elsewhere neither changes what a semicolon means.
        if (depth > 0 && /^case$/i.test(word)) depth += 1;
        if (depth > 0 && /^end$/i.test(word)) depth -= 1;
        at += word.length;
    }
    close(sql.length);
    return statements;
}

export function lineOf(sql: string, offset: number): number {
    return sql.slice(0, offset).split('\n').length;
}

function endOfComment(sql: string, at: number): number {
    if (sql.startsWith('--', at)) {
        const end = sql.indexOf('\n', at);
        return end < 0 ? sql.length : end + 1;
    }
    if (!sql.startsWith('/*', at)) return at;
    let depth = 0;
    let cursor = at;
    while (cursor < sql.length) {
        if (sql.startsWith('/*', cursor)) {
            depth += 1;
            cursor += 2;
        } else if (sql.startsWith('*/', cursor)) {
            depth -= 1;
            cursor += 2;
            if (depth === 0) return cursor;
        } else cursor += 1;
    }
    return sql.length;
}

function endOfQuote(sql: string, at: number): number {
    const char = sql[at];
    if (char === "'") {
        const escapes = /(^|[^\p{L}\p{N}_])e$/iu.test(sql.slice(Math.max(0, at - 2), at));
        return endOfString(sql, at, "'", escapes);
    }
    if (char === '"') return endOfString(sql, at, '"', false);
    const tag =
        char === '$' ? /^\$([\p{L}_][\p{L}\p{N}_]*)?\$/u.exec(sql.slice(at, at + 128))?.[0] : undefined;
    if (tag === undefined) return at;
    const end = sql.indexOf(tag, at + tag.length);
    return end < 0 ? sql.length : end + tag.length;
}

function endOfString(sql: string, at: number, quote: string, escapes: boolean): number {
    let cursor = at + 1;
    while (cursor < sql.length) {
        if (escapes && sql[cursor] === '\\') cursor += 2;
        else if (sql[cursor] !== quote) cursor += 1;
        else if (sql[cursor + 1] === quote) cursor += 2;
        else return cursor + 1;
    }
    return sql.length;
}
