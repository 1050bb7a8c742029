/**
 * Everything the stand-in remembers, in one SQLite file. A transaction that returned is on the disk (WAL with
 * synchronous FULL): whatever was acknowledged survives `kill -9`. It knows nothing of what the objects mean.
 */
import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { Hidden, Kind, Shown } from './objects.ts';

const VERSION = 1;

const SCHEMA = `
    create table facts (
        name text primary key,
        value text not null
    ) strict;

    create table objects (
        seq integer primary key autoincrement,
        id text not null unique,
        kind text not null,
        account text not null,
        shown text not null,
        hidden text not null
    ) strict;
    create index objects_by_kind on objects (kind, account, seq);
    create index objects_by_intent on objects (json_extract(shown, '$.payment_intent'));
    create index objects_by_charge on objects (json_extract(shown, '$.charge'));

    create table deliveries (
        id text primary key,
        event text not null,
        endpoint text not null,
        state text not null check (state in ('pending', 'delivered', 'failed', 'abandoned')),
        due integer not null,
        attempts text not null
    ) strict;
    create index deliveries_due on deliveries (due) where state = 'pending';
    create index deliveries_by_event on deliveries (event);

    create table errands (
        seq integer primary key autoincrement,
        due integer not null,
        kind text not null,
        subject text not null
    ) strict;
    create index errands_due on errands (due);

    create table answers (
        account text not null,
        key text not null,
        fingerprint text not null,
        request text not null,
        status integer not null,
        body text not null,
        at integer not null,
        primary key (account, key)
    ) strict;

    create table account_links (
        token text primary key,
        account text not null,
        return_url text not null,
        refresh_url text not null,
        expires integer not null,
        visit text unique,
        visit_expires integer
    ) strict;

    create table requests (
        seq integer primary key autoincrement,
        entry text not null
    ) strict;

    pragma user_version = ${VERSION};
`;

export type Kept<K extends Kind> = { seq: number; account: string; shown: Shown<K>; hidden: Hidden<K> };

/** Which objects of a kind to list: equal fields, types (`charge.*` too), bounds of `created`, and a page. */
export type Selection = {
    account?: string;
    where?: Readonly<Record<string, string | number | undefined>>;
    types?: readonly string[];
    created?: { gt?: number; gte?: number; lt?: number; lte?: number };
    olderThan?: number;
    newerThan?: number;
    limit: number;
};

type Row = { seq: number; account: string; shown: string; hidden: string };

/** The file, open. One per process; every method is synchronous, so that no two requests interleave. */
export class State {
    readonly #database: DatabaseSync;
    readonly #statements = new Map<string, StatementSync>();
    #afterCommit: (() => void)[] = [];
    #depth = 0;

    /** @throws Error when the file was written by another version of the stand-in. */
    constructor(file: string) {
        this.#database = new DatabaseSync(file, { timeout: 5000 });
        // Signing secrets stand in it.
        chmodSync(file, 0o600);
        this.#database.exec('pragma journal_mode = wal; pragma synchronous = full;');
        const found = this.row<{ user_version: number }>('pragma user_version')?.user_version ?? 0;
        if (found === 0) {
            this.transaction(() => this.#database.exec(SCHEMA));
        } else if (found !== VERSION) {
            this.#database.close();
            throw new Error(
                `${file} was written by version ${found} of the stand-in for Stripe and this is version ${VERSION}: remove the file to begin anew.`
            );
        }
    }

    close(): void {
        this.#database.close();
    }

    /** Runs all of it or nothing of it; nested calls undo only their own part when they throw. */
    transaction<T>(act: () => T): T {
        const outermost = this.#depth === 0;
        const name = `step_${this.#depth}`;
        this.#database.exec(outermost ? 'begin immediate' : `savepoint ${name}`);
        this.#depth += 1;
        let committed = false;
        try {
            const result = act();
            this.#database.exec(outermost ? 'commit' : `release ${name}`);
            committed = true;
            return result;
        } finally {
            this.#depth -= 1;
            if (!committed)
                this.#database.exec(outermost ? 'rollback' : `rollback to ${name}; release ${name}`);
            if (outermost) this.#settle(committed);
        }
    }

    /** Runs once the outermost transaction is on the disk, and never when it is undone. */
    afterCommit(act: () => void): void {
        if (this.#depth === 0) act();
        else this.#afterCommit.push(act);
    }

    #settle(committed: boolean): void {
        const acts = this.#afterCommit;
        this.#afterCommit = [];
        if (committed) for (const act of acts) act();
    }

    run(sql: string, ...values: SQLInputValue[]): void {
        this.#statement(sql).run(...values);
    }

    row<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
        return this.#statement(sql).get(...values) as T | undefined;
    }

    rows<T>(sql: string, ...values: SQLInputValue[]): T[] {
        return this.#statement(sql).all(...values) as T[];
    }

    #statement(sql: string): StatementSync {
        const known = this.#statements.get(sql);
        if (known) return known;
        const statement = this.#database.prepare(sql);
        this.#statements.set(sql, statement);
        return statement;
    }

    /** A single remembered value; `first` makes it the first time it is asked for. */
    fact(name: string, first: () => string): string {
        const known = this.row<{ value: string }>('select value from facts where name = ?', name);
        if (known) return known.value;
        const value = first();
        this.setFact(name, value);
        return value;
    }

    setFact(name: string, value: string): void {
        this.run(
            'insert into facts (name, value) values (?, ?) on conflict (name) do update set value = excluded.value',
            name,
            value
        );
    }

    insert<K extends Kind>(kind: K, account: string, shown: Shown<K>, hidden: Hidden<K>): void {
        this.run(
            'insert into objects (id, kind, account, shown, hidden) values (?, ?, ?, ?, ?)',
            shown.id,
            kind,
            account,
            JSON.stringify(shown),
            JSON.stringify(hidden)
        );
    }

    /** Writes an object back whole; `hidden` stays as it is unless given. */
    save<K extends Kind>(kind: K, shown: Shown<K>, hidden?: Hidden<K>): void {
        this.run(
            'update objects set shown = ?, hidden = coalesce(?, hidden) where id = ? and kind = ?',
            JSON.stringify(shown),
            hidden === undefined ? null : JSON.stringify(hidden),
            shown.id,
            kind
        );
    }

    remove(kind: Kind, id: string): void {
        this.run('delete from objects where id = ? and kind = ?', id, kind);
    }

    /** An object of whichever account; callers compare the account where it matters. */
    find<K extends Kind>(kind: K, id: string): Kept<K> | undefined {
        const row = this.row<Row>(
            'select seq, account, shown, hidden from objects where id = ? and kind = ?',
            id,
            kind
        );
        return row && kept<K>(row);
    }

    /** Newest first, unless `newerThan` is given: then the oldest of what is newer, still newest first. */
    select<K extends Kind>(kind: K, selection: Selection): Kept<K>[] {
        const clauses = ['kind = ?'];
        const values: SQLInputValue[] = [kind];
        const demand = (clause: string, ...given: SQLInputValue[]) => {
            clauses.push(clause);
            values.push(...given);
        };
        if (selection.account !== undefined) demand('account = ?', selection.account);
        for (const [path, value] of Object.entries(selection.where ?? {})) {
            if (value !== undefined) demand(`json_extract(shown, '$.${path}') = ?`, value);
        }
        if (selection.types) {
            const choices = selection.types.map(() => `json_extract(shown, '$.type') glob ?`);
            demand(`(${choices.join(' or ')})`, ...selection.types);
        }
        for (const [word, sign] of Object.entries({ gt: '>', gte: '>=', lt: '<', lte: '<=' })) {
            const bound = selection.created?.[word as 'gt'];
            if (bound !== undefined) demand(`json_extract(shown, '$.created') ${sign} ?`, bound);
        }
        if (selection.olderThan !== undefined) demand('seq < ?', selection.olderThan);
        const backwards = selection.newerThan !== undefined;
        if (selection.newerThan !== undefined) demand('seq > ?', selection.newerThan);
        const rows = this.rows<Row>(
            `select seq, account, shown, hidden from objects where ${clauses.join(' and ')}
             order by seq ${backwards ? 'asc' : 'desc'} limit ?`,
            ...values,
            selection.limit
        );
        return (backwards ? rows.reverse() : rows).map((row) => kept<K>(row));
    }
}

/** The file is ours alone, written by {@link State.insert}: what was put in as a kind comes out as that kind. */
function kept<K extends Kind>(row: Row): Kept<K> {
    return {
        seq: row.seq,
        account: row.account,
        shown: JSON.parse(row.shown) as Shown<K>,
        hidden: JSON.parse(row.hidden) as Hidden<K>
    };
}
