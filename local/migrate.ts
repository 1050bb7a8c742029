// Brings the project's migrations and seed into the database, as `supabase db push` does on a hosted
// project: as role postgres, in order, each in one transaction, recorded in supabase_migrations.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import postgres from 'postgres';
import type { Sql, TransactionSql } from 'postgres';
import { lineOf, splitStatements } from './database/split.ts';
import type { Statement } from './database/split.ts';

const MIGRATION = /^(\d+)_(.*)\.sql$/;

/** Makes the tables in which the CLI, too, keeps what has been applied. */
export async function prepareRecords(owner: Sql): Promise<void> {
    await owner.unsafe(`
        create schema if not exists supabase_migrations;
        create table if not exists supabase_migrations.schema_migrations (
            version text primary key,
            statements text[],
            name text
        );
        create table if not exists supabase_migrations.seed_files (path text primary key, hash text not null);
    `);
}

/**
 * Applies every migration of `folder` that the database has not seen; returns their file names. A migration whose
 * statements are others than the ones that were applied stops it: what runs would not be what the files say.
 */
export async function migrate(owner: Sql, folder: string): Promise<string[]> {
    const seen = await owner<{ version: string; statements: string[] | null }[]>`
        select version, statements from supabase_migrations.schema_migrations
    `;
    const versions = new Map(seen.map(({ version, statements }) => [version, statements]));
    const applied: string[] = [];
    for (const file of migrationFiles(folder)) {
        const [, version = '', name = ''] = MIGRATION.exec(file) ?? [];
        const statements = splitStatements(readFileSync(join(folder, file), 'utf8'));
        if (versions.has(version)) {
            refuseChanged(file, versions.get(version) ?? null, statements);
            continue;
        }
        await owner.begin(async (transaction) => {
            const [before] = await transaction`select platform.reserved_roles() as roles`;
            await runStatements(transaction, join(folder, file), statements);
            const [after] = await transaction`select platform.reserved_roles() as roles`;
            if (before?.roles !== after?.roles)
                throw new Error(
                    `${file}: changes a reserved role, or who is a member of one; a hosted project refuses that.`
                );
            await transaction`
                insert into supabase_migrations.schema_migrations (version, name, statements)
                values (${version}, ${name}, ${statements.map(({ text }) => text)})
            `;
        });
        applied.push(file);
    }
    return applied;
}

/** Compares what was recorded with the file as it is; words in comments don't count, and other tools record them. */
function refuseChanged(file: string, recorded: string[] | null, statements: Statement[]): void {
    if (recorded === null) return;
    const applied = splitStatements(recorded.join(';\n'));
    const same =
        applied.length === statements.length &&
        applied.every(({ text }, at) => text === statements[at]?.text);
    if (!same)
        throw new Error(
            `${file} has changed since it was applied to this database. Begin anew with \`npm start -- --reset\` ` +
                `(this forgets the data), or put the file back and write the change as a new migration.`
        );
}

function migrationFiles(folder: string): string[] {
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
        .filter((file) => MIGRATION.test(file))
        .sort();
}

/** Runs each seed file once in the life of the database; returns the ones it ran. */
export async function seed(owner: Sql, files: string[]): Promise<string[]> {
    const ran: string[] = [];
    for (const file of files.filter((path) => existsSync(path))) {
        const text = readFileSync(file, 'utf8');
        const name = basename(file);
        const [known] = await owner`select from supabase_migrations.seed_files where path = ${name}`;
        if (known) continue;
        await owner.begin(async (transaction) => {
            await runStatements(transaction, file, splitStatements(text));
            await transaction`
                insert into supabase_migrations.seed_files (path, hash)
                values (${name}, ${createHash('sha256').update(text).digest('hex')})
            `;
        });
        ran.push(name);
    }
    return ran;
}

async function runStatements(
    transaction: TransactionSql,
    file: string,
    statements: Statement[]
): Promise<void> {
    for (const statement of statements) {
        try {
            await (runEventTriggerStatement(transaction, statement.text) ??
                transaction.unsafe(statement.text));
        } catch (error) {
            throw describe(error, file, statement);
        }
    }
}

const NAME = '("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)';
const CREATE = new RegExp(
    `^create\\s+event\\s+trigger\\s+${NAME}\\s+on\\s+(\\w+)` +
        `(?:\\s+when\\s+tag\\s+in\\s*\\(([^)]*)\\))?\\s+execute\\s+(?:function|procedure)\\s+(?:${NAME}\\.)?${NAME}\\s*\\(\\s*\\)$`,
    'i'
);
const ALTER = new RegExp(
    `^alter\\s+event\\s+trigger\\s+${NAME}\\s+(enable(?:\\s+(?:always|replica))?|disable)$`,
    'i'
);
const DROP = new RegExp(
    `^drop\\s+event\\s+trigger\\s+(if\\s+exists\\s+)?${NAME}(?:\\s+(?:cascade|restrict))?$`,
    'i'
);

/** A hosted owner may create event triggers, a plain Postgres owner may not: these go through the helper. */
function runEventTriggerStatement(transaction: TransactionSql, text: string): Promise<unknown> | undefined {
    const create = CREATE.exec(text);
    if (create) {
        const [, name = '', event = '', list, schema = 'public', fn = ''] = create;
        const tags = list === undefined ? null : [...list.matchAll(/'([^']*)'/g)].map(([, tag = '']) => tag);
        return transaction`
            select platform.create_event_trigger(${unquote(name)}, ${event.toLowerCase()}, ${tags}, ${unquote(schema)}, ${unquote(fn)})
        `.execute();
    }
    const alter = ALTER.exec(text);
    if (alter) {
        const [, name = '', state = ''] = alter;
        return transaction`
            select platform.alter_event_trigger(${unquote(name)}, ${state.toLowerCase().replace(/\s+/g, ' ')})
        `.execute();
    }
    const drop = DROP.exec(text);
    if (!drop) return undefined;
    const [, ifExists, name = ''] = drop;
    return transaction`select platform.drop_event_trigger(${unquote(name)}, ${ifExists !== undefined})`.execute();
}

function unquote(name: string): string {
    return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}

function describe(error: unknown, file: string, statement: Statement): Error {
    if (!(error instanceof postgres.PostgresError)) return error as Error;
    const offset = Number(error.position ?? 1) - 1;
    const line = statement.line + lineOf(statement.text, offset) - 1;
    const excerpt = statement.text.split('\n').slice(0, 12).join('\n    ');
    const more = [error.detail, error.hint, error.where].filter((part) => part).join('\n');
    return new Error(
        `${file}:${line}: ${error.message} (${error.code})${more ? `\n${more}` : ''}\n\n    ${excerpt}\n`,
        { cause: error }
    );
}
