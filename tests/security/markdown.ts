// Reads the tables of a Markdown file, so that what tests expect stands where a person can read it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type MarkdownTable = { head: string[]; rows: string[][] };

/** The tables of a file beside this one, in order, cells without the space around them. */
export function tablesIn(file: string): MarkdownTable[] {
    const tables: MarkdownTable[] = [];
    let open = false;
    for (const line of readFileSync(join(import.meta.dirname, file), 'utf8').split('\n')) {
        if (!line.startsWith('|')) {
            open = false;
            continue;
        }
        const cells = line
            .split('|')
            .slice(1, -1)
            .map((cell) => cell.trim());
        if (!open) tables.push({ head: cells, rows: [] });
        else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) tables.at(-1)?.rows.push(cells);
        open = true;
    }
    return tables;
}

/** A row as the file writes it; what a failing test shows to be judged and pasted. */
export const asRow = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
