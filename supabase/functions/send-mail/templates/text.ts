/**
 * Names and messages that people typed, made fit for a subject line, a sender's name and a mail's body. What
 * could fake another line, another header or another reading order is taken out here, once, for all templates.
 */

/** Control characters, line and paragraph separators, and marks that turn the reading direction or don't show. */
const TRICKY = /[\p{Cc}\p{Zl}\p{Zp}\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]+/gu;

/** One line without tricks, at most `limit` characters. */
export function oneLine(text: string, limit = 120): string {
    const line = text.replace(TRICKY, ' ').replace(/\s+/g, ' ').trim();
    const characters = [...line];
    return characters.length <= limit
        ? line
        : `${characters
              .slice(0, limit - 1)
              .join('')
              .trimEnd()}…`;
}

/** A line as it is, spaces at its beginning included, but without tricks. */
export function cleanLine(text: string): string {
    return text.replace(TRICKY, ' ');
}

/** What somebody typed in a text field, as paragraphs of lines. */
export function paragraphs(text: string): readonly (readonly string[])[] {
    return text
        .replace(/\r\n?/g, '\n')
        .split(/\n\s*\n/)
        .map((paragraph) =>
            paragraph
                .split('\n')
                .map((line) => line.replace(TRICKY, ' ').trim())
                .filter((line) => line !== '')
        )
        .filter((lines) => lines.length > 0);
}

/** `name` as a sender's display name: quoted, so that commas and brackets in it separate nothing (RFC 5322, 3.2.4). */
export function displayName(name: string): string {
    return `"${oneLine(name, 80).replace(/[<>]/g, '').replace(/["\\]/g, '\\$&')}"`;
}
