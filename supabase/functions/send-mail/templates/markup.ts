/** HTML in which every value is escaped unless it was made here. Knows nothing of mail. */
const MADE_HERE = Symbol('markup');

export type Markup = { readonly [MADE_HERE]: true; readonly html: string };

type Value = string | Markup | readonly Markup[];

const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;'
};

/** Markup with its values put in: texts escaped, for content and double-quoted attributes alike. */
export function markup(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
    const html = parts.reduce((text, part, index) => text + htmlOf(values[index - 1] ?? '') + part);
    return { [MADE_HERE]: true, html };
}

/** `text` as it may stand in HTML. */
export function escapeHtml(text: string): string {
    return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

function htmlOf(value: Value): string {
    if (typeof value === 'string') {
        return escapeHtml(value);
    }
    return MADE_HERE in value ? value.html : value.map((part) => part.html).join('');
}
