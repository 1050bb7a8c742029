/**
 * The one frame of all our mails: a single column, no remote images, no style sheet that a client may drop, the
 * same words as plain text. Colours are those of the app, light and dark; a mail must carry them inline. All
 * texts are cleaned on the way in, so a template can't forget it.
 */
import { markup, type Markup } from './markup.ts';
import { cleanLine, oneLine } from './text.ts';

export type Mail = { readonly subject: string; readonly html: string; readonly text: string };

export type Block =
    | { readonly kind: 'paragraph'; readonly lines: readonly string[] }
    | {
          readonly kind: 'figure';
          readonly label: string;
          readonly value: string;
          readonly note: string | null;
      }
    | { readonly kind: 'code'; readonly code: string }
    | { readonly kind: 'button'; readonly label: string; readonly url: string }
    /** For a machine: kept to the letter, and to copy. */
    | { readonly kind: 'verbatim'; readonly lines: readonly string[] }
    | { readonly kind: 'small'; readonly text: string };

export type Content = {
    readonly subject: string;
    /** Whose mail it is: the trader's name, or ours. */
    readonly from: string;
    /** What a list of mails shows beside the subject. */
    readonly preview: string;
    readonly blocks: readonly Block[];
    readonly footer: string;
};

const LONGEST_LINE = 4000;
const font = "font-family:Archivo,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const ink = 'color:#15181D';
const quiet = 'color:#4B5059';
const small = `font-size:14px;line-height:20px;${quiet}`;
const large = `font-size:34px;line-height:40px;font-weight:650;font-variant-numeric:tabular-nums;${ink}`;

/** The mail of `content`, in both forms. */
export function layOut(content: Content): Mail {
    const { subject, from, preview, blocks, footer } = content;
    const clean: Content = {
        subject: oneLine(subject),
        from: oneLine(from),
        preview: oneLine(preview),
        blocks: blocks.map(cleanBlock),
        footer: oneLine(footer, LONGEST_LINE)
    };
    return { subject: clean.subject, html: asHtml(clean).html, text: asText(clean) };
}

function cleanBlock(block: Block): Block {
    const clean = (text: string) => oneLine(text, LONGEST_LINE);
    switch (block.kind) {
        case 'paragraph':
            return { ...block, lines: block.lines.map(clean) };
        case 'figure':
            return {
                ...block,
                label: clean(block.label),
                value: clean(block.value),
                note: block.note === null ? null : clean(block.note)
            };
        case 'code':
            return { ...block, code: clean(block.code) };
        case 'button':
            return { ...block, label: clean(block.label) };
        case 'verbatim':
            return { ...block, lines: block.lines.map(cleanLine) };
        case 'small':
            return { ...block, text: clean(block.text) };
    }
}

function asHtml({ subject, from, preview, blocks, footer }: Content): Markup {
    return markup`<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${subject}</title>
<style>
@media (prefers-color-scheme: dark) {
.paper { background: #101418 !important; }
.card { background: #181E24 !important; border-color: #2D3640 !important; }
.well { background: #0B0E12 !important; }
.ink { color: #F1F3F5 !important; }
.quiet { color: #B0B9C3 !important; }
}
</style>
</head>
<body class="paper" style="margin:0;padding:0;background:#FAF8F3">
<div style="display:none;max-height:0;overflow:hidden">${preview}</div>
<table role="presentation" class="paper" width="100%" cellpadding="0" cellspacing="0" style="background:#FAF8F3">
<tr><td align="center" style="padding:24px 12px">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px;background:#FFFFFF;border:1px solid #D9D4C7;border-radius:10px">
<tr><td style="padding:24px;${font}">
<p class="ink" style="margin:0 0 24px;font-size:20px;line-height:26px;font-weight:650;${ink}">${from}</p>
${blocks.map(blockAsHtml)}</td></tr>
</table>
<p class="quiet" style="max-width:560px;margin:16px 0 0;padding:0 12px;${small};${font}">${footer}</p>
</td></tr>
</table>
</body>
</html>
`;
}

function blockAsHtml(block: Block): Markup {
    switch (block.kind) {
        case 'paragraph':
            return markup`<p class="ink" style="margin:0 0 16px;font-size:17px;line-height:26px;${ink}">${withBreaks(block.lines)}</p>
`;
        case 'figure':
            return markup`<table role="presentation" class="well" width="100%" cellpadding="0" cellspacing="0" style="margin:8px 0 24px;background:#F1EEE6;border-radius:6px">
<tr><td style="padding:16px;${font}">
<p class="quiet" style="margin:0;${small}">${block.label}</p>
<p class="ink" style="margin:4px 0 0;${large}">${block.value}</p>
${block.note === null ? '' : markup`<p class="quiet" style="margin:4px 0 0;${small}">${block.note}</p>\n`}</td></tr>
</table>
`;
        case 'code':
            return markup`<p class="ink well" style="margin:8px 0 24px;padding:16px;background:#F1EEE6;border-radius:6px;letter-spacing:6px;${large}">${block.code}</p>
`;
        case 'button':
            return markup`<table role="presentation" cellpadding="0" cellspacing="0" style="margin:8px 0 24px">
<tr><td style="background:#FF7A1A;border:1px solid #A84A00;border-radius:6px">
<a href="${block.url}" style="display:inline-block;padding:14px 24px;font-size:17px;line-height:20px;font-weight:650;text-decoration:none;${ink};${font}">${block.label}</a>
</td></tr>
</table>
`;
        case 'verbatim':
            return markup`<pre class="ink well" style="margin:8px 0 24px;padding:16px;background:#F1EEE6;border-radius:6px;white-space:pre-wrap;word-break:break-all;font:12px/18px ui-monospace,Menlo,Consolas,monospace;${ink}">${block.lines.join('\n')}</pre>
`;
        case 'small':
            return markup`<p class="quiet" style="margin:0 0 12px;${small}">${block.text}</p>
`;
    }
}

function withBreaks(lines: readonly string[]): readonly Markup[] {
    return lines.map((line, index) => (index === 0 ? markup`${line}` : markup`<br>${line}`));
}

function asText({ from, blocks, footer }: Content): string {
    return [from, ...blocks.map(blockAsText), `-- \n${footer}`].join('\n\n') + '\n';
}

function blockAsText(block: Block): string {
    switch (block.kind) {
        case 'paragraph':
            return block.lines.join('\n');
        case 'figure':
            return [`${block.label}: ${block.value}`, ...(block.note === null ? [] : [block.note])].join(
                '\n'
            );
        case 'code':
            return block.code;
        case 'verbatim':
            return block.lines.join('\n');
        case 'button':
            return `${block.label}:\n${block.url}`;
        case 'small':
            return block.text;
    }
}
