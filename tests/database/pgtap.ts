// pgTAP as plain SQL objects in a schema of their own, for as long as a test run lasts. Its package carries the extension's
// files for another Postgres; the script inside needs no files on the server and no superuser.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { ISql, Sql } from 'postgres';

const BLOCK = 512;

/** The text of one file in a tar archive (POSIX ustar). Throws when it is not there. */
function fileInTar(tar: Buffer, wanted: string): string {
    let at = 0;
    while (at + BLOCK <= tar.length) {
        const field = (from: number, length: number): string =>
            tar.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
        const name = [field(345, 155), field(0, 100)].filter((part) => part !== '').join('/');
        const size = parseInt(field(124, 12), 8) || 0;
        if (name === wanted) return tar.toString('utf8', at + BLOCK, at + BLOCK + size);
        at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    }
    throw new Error(`There is no ${wanted} in pgTAP's archive.`);
}

function pgtapScript(): string {
    const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite-pgtap');
    const tar = gunzipSync(readFileSync(join(dirname(entry), 'pgtap.tar.gz')));
    const control = fileInTar(tar, 'share/postgresql/extension/pgtap.control');
    const version = /default_version = '([^']+)'/.exec(control)?.[1] ?? '';
    return fileInTar(tar, `share/postgresql/extension/pgtap--${version}.sql`);
}

/** Creates the schema `tests` with the builders, for every role to use. Rolled back with its transaction, or dropped later. */
export async function installBuilders(owner: ISql): Promise<void> {
    const builders = ['builders.sql', 'twins.sql'].map((file) =>
        readFileSync(join(import.meta.dirname, file), 'utf8')
    );
    await owner.unsafe(`create schema tests; ${builders.join('\n')}`);
    await openToAll(owner, 'tests');
}

/** Creates the schemas `pgtap` and `tests`. */
export async function installTestTools(owner: Sql): Promise<void> {
    await removeTestTools(owner);
    await owner.begin(async (transaction) => {
        await transaction.unsafe(`create schema pgtap; set local search_path = pgtap; ${pgtapScript()}`);
        await openToAll(transaction, 'pgtap');
        await transaction.unsafe('set local search_path = public');
        await installBuilders(transaction);
    });
}

async function openToAll(owner: ISql, schema: string): Promise<void> {
    await owner.unsafe(`
        grant usage on schema ${schema} to public;
        grant execute on all functions in schema ${schema} to public;
        grant select on all tables in schema ${schema} to public;
    `);
}

/** Takes both schemas away again. */
export async function removeTestTools(owner: Sql): Promise<void> {
    await owner.unsafe('drop schema if exists tests cascade; drop schema if exists pgtap cascade');
}
