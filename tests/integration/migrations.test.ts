// Migrations of a project: in order, whole or not at all, and only what a hosted project would take.
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate, seed } from '../../local/migrate.ts';
import { aProject } from '../support/fixture.ts';
import type { Fixture } from '../support/fixture.ts';
import { startOwnStack } from '../support/stack.ts';
import type { OwnStack } from '../support/stack.ts';

let own: OwnStack;
let sql: postgres.Sql;
const fixtures: Fixture[] = [];

beforeAll(async () => {
    own = await startOwnStack({ migrate: false });
    sql = postgres(own.info.databaseUrl, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
    await sql.end();
    await own.stopAndForget();
    for (const fixture of fixtures) fixture.forget();
});

/** Applies files as migrations, named in order. */
function apply(...contents: string[]): Promise<string[]> {
    const stamp = `${Date.now()}${fixtures.length}`;
    const files = Object.fromEntries(
        contents.map((content, at) => [`supabase/migrations/${stamp}${at}_part.sql`, content])
    );
    const fixture = aProject(files);
    fixtures.push(fixture);
    return migrate(sql, join(fixture.dir, 'supabase/migrations'));
}

describe('a migration', () => {
    it('is applied once and recorded with its statements', async () => {
        const content = `
            -- A comment; with a semicolon.
            create table public.once (id int, note text default 'a;b');
            create function public.twice(n int) returns int language sql as $$ select n * 2; $$;
            create function public.atomic(n int) returns int begin atomic
                select case when n > 0 then 1 else 0 end;
            end;
            insert into public.once (id) values (public.twice(2));
        `;
        const fixture = aProject({ 'supabase/migrations/20200101000000_once.sql': content });
        fixtures.push(fixture);
        const folder = join(fixture.dir, 'supabase/migrations');
        expect(await migrate(sql, folder)).toEqual(['20200101000000_once.sql']);
        expect(await migrate(sql, folder)).toEqual([]);
        const [row] = await sql`
            select name, array_length(statements, 1) as statements
            from supabase_migrations.schema_migrations where version = '20200101000000'
        `;
        expect(row).toEqual({ name: 'once', statements: 4 });
        expect(await sql`select id, note from public.once`).toEqual([{ id: 4, note: 'a;b' }]);
    });

    it('that was changed after it was applied stops the start, and says what to do', async () => {
        const file = 'supabase/migrations/20200102000000_changed.sql';
        const before = aProject({ [file]: `create table public.before (id int);` });
        const after = aProject({ [file]: `create table public.after (id int);` });
        const commented = aProject({ [file]: `-- Only words.\ncreate table public.before (id int);` });
        fixtures.push(before, after, commented);
        const folder = (fixture: Fixture) => join(fixture.dir, 'supabase/migrations');
        await migrate(sql, folder(before));
        await expect(migrate(sql, folder(after))).rejects.toThrow(
            /20200102000000_changed\.sql has changed .* --reset/
        );
        expect(await sql`select to_regclass('public.after') as found`).toEqual([{ found: null }]);
        expect(await migrate(sql, folder(commented))).toEqual([]);
    });

    it('that fails names file, line, statement and cause, and leaves nothing', async () => {
        const failing = apply(
            `create table public.never (id int);\n\n-- here\nselect 1,\n    nothing_like_this;\n`
        );
        await expect(failing).rejects.toThrow(
            /_part\.sql:5: column "nothing_like_this" does not exist \(42703\)/
        );
        await expect(failing).rejects.toThrow('select 1,');
        expect(await sql`select to_regclass('public.never') as found`).toEqual([{ found: null }]);
    });

    it('may make, change and drop event triggers, which run with the owner’s statements', async () => {
        await apply(`
            create table public.heard (tag text);
            create function public.hear() returns event_trigger language plpgsql as
                $$ begin insert into public.heard values (tg_tag); end $$;
            create event trigger "Hear it" on ddl_command_end when tag in ('CREATE TABLE', 'CREATE VIEW')
                execute function public.hear();
            create table public.loud (id int);
            alter event trigger "Hear it" disable;
            create table public.quiet (id int);
        `);
        expect(await sql`select tag from public.heard`).toEqual([{ tag: 'CREATE TABLE' }]);
        await apply('drop event trigger if exists "Hear it"; drop event trigger if exists "Hear it"');
        expect(await sql`select from pg_event_trigger where evtname = 'Hear it'`).toEqual([]);
    });

    it('can’t touch the platform’s event triggers', async () => {
        await expect(apply('drop event trigger pgrst_ddl_watch')).rejects.toThrow(/must be owner/);
        await expect(apply('alter event trigger platform_lend_ownership disable')).rejects.toThrow(
            /must be owner/
        );
        const escape = 'create event trigger x on ddl_command_end execute function platform.lend_ownership()';
        await expect(apply(escape)).rejects.toThrow(/permission denied/);
    });

    it.each([
        'alter role anon bypassrls',
        'alter role service_role login',
        'grant authenticator to postgres',
        'create role more; grant service_role to more'
    ])('is refused when it does "%s", as hosted', async (statement) => {
        await expect(apply(statement)).rejects.toThrow();
    });

    it('may set an API role’s settings', async () => {
        await apply(
            `alter role authenticator set pgrst.db_max_rows = '500'; alter role authenticator reset pgrst.db_max_rows`
        );
    });
});

describe('a seed', () => {
    it('runs once in the life of the database, whole or not at all', async () => {
        const fixture = aProject({
            'supabase/a.sql': 'create table public.seeded (id int); insert into public.seeded values (1);',
            'supabase/b.sql': 'insert into public.seeded values (2); select 1/0;'
        });
        fixtures.push(fixture);
        const files = ['a.sql', 'b.sql', 'absent.sql'].map((name) => join(fixture.dir, 'supabase', name));
        await expect(seed(sql, files)).rejects.toThrow(/b\.sql:1: division by zero/);
        expect(await sql`select id from public.seeded`).toEqual([{ id: 1 }]);
        fixture.write('supabase/b.sql', 'insert into public.seeded values (2);');
        expect(await seed(sql, files)).toEqual(['b.sql']);
        expect(await seed(sql, files)).toEqual([]);
    });
});
