// Brings a cluster to the state of a new hosted project: roles, schemas, the tables of the services, rights.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sql } from 'postgres';

const LOCAL = join(import.meta.dirname, '..');

/** In order: each may rely on what stands before it. */
const SCRIPTS = [
    'database/roles.sql',
    'database/schemas.sql',
    'database/extensions.sql',
    'database/vault.sql',
    'cron/schema.sql',
    'auth/schema.sql',
    'storage/schema.sql',
    'database/managed.sql'
];

const LOGIN_ROLES = ['authenticator', 'postgres', 'supabase_auth_admin', 'supabase_storage_admin'];

/** Runs the scripts as superuser unless the very same ones have run; each can be repeated without harm. */
export async function bootstrap(superuser: Sql, password: string): Promise<void> {
    const scripts = SCRIPTS.map((name) => ({
        name,
        text: readFileSync(join(LOCAL, name), 'utf8')
    }));
    const stamp = createHash('sha256')
        .update(JSON.stringify([scripts, password]))
        .digest('hex');
    await superuser`create schema if not exists platform`;
    await superuser`create table if not exists platform.bootstrap (stamp text primary key, ran_at timestamptz not null default now())`;
    const [ran] = await superuser`select from platform.bootstrap where stamp = ${stamp}`;
    if (ran) return;
    for (const { name, text } of scripts) {
        try {
            // A script may act as the role that its objects belong to.
            await superuser.unsafe(`${text}\n;reset role`);
        } catch (error) {
            throw new Error(`local/${name}: ${(error as Error).message}`, { cause: error });
        }
    }
    for (const role of LOGIN_ROLES) await superuser.unsafe(`alter role ${role} password '${password}'`);
    await superuser`delete from platform.bootstrap`;
    await superuser`insert into platform.bootstrap (stamp) values (${stamp})`;
}
