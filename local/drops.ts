// A place outside the database and of its backups, for what a project wants to be kept beside itself: each body that is
// dropped becomes a line of a file. Lines are only ever added.

import { mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

export type DropBox = {
    /** Adds a JSON text to the box of that name, on the disk when it returns. False when either is none. */
    keep(name: string, body: string): Promise<boolean>;
};

export function createDropBox(folder: string): DropBox {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return {
        async keep(name, body) {
            const line = asLine(body);
            if (line === undefined || !/^[\w-]{1,64}$/.test(name)) return false;
            const file = await open(join(folder, `${name}.jsonl`), 'a', 0o600);
            try {
                // One write at the file's end: two at once make two lines.
                await file.appendFile(`${line}\n`);
                await file.sync();
            } finally {
                await file.close();
            }
            return true;
        }
    };
}

/** JSON on one line, or undefined. */
function asLine(body: string): string | undefined {
    try {
        return JSON.stringify(JSON.parse(body));
    } catch {
        return undefined;
    }
}
