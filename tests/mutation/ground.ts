// Where mutants live: a Postgres of their own, made like a new hosted project with our migrations in it, and clones of it.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import type { Sql } from 'postgres';
import { platformConfig, readConfig } from '../../local/config.ts';
import { openDatabase } from '../../local/database/database.ts';
import { Processes } from '../../local/processes.ts';
import { installTestTools, removeTestTools } from '../database/pgtap.ts';
import { setTheScene } from '../security/matrix.ts';
import { projectDir } from '../support/stack.ts';

/** The two databases of one worker, each reached over one connection as the superuser. */
export type Clone = {
    /** As migrated, with pgTAP and the builders: test files begin from here. */
    empty: Sql;
    /**
     * The same with the two businesses of the matrix in it, so that it need not be set for every mutant. Things in it grow
     * stale as an upload does in ten minutes, so that it is set anew every four.
     */
    scene(): Promise<Sql>;
};

const STALE_AFTER_MS = 4 * 60_000;

/** A mutant may turn for ever; a test whose statement takes this long has missed what was taken away. */
const FOR_EVER_MS = 60_000;

export type Ground = {
    /** The template itself: for reading the catalog, or for adding something before the first clone is made. */
    template: Sql;
    clone(): Promise<Clone>;
    close(): Promise<void>;
};

/**
 * Starts the server and migrates. `prepare` runs as the owner at the end, before anything is cloned.
 * The server is ours alone, so nothing else holds the template open and nobody's data is near.
 */
export async function openGround(prepare?: (owner: Sql) => Promise<void>): Promise<Ground> {
    const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
    const state = (name: string): string => join(folder, name);
    mkdirSync(state('logs'));
    const password = randomBytes(18).toString('hex');
    const processes = new Processes(state('pids.json'));
    const database = await openDatabase({
        projectDir,
        state,
        port: 0,
        password,
        durable: false,
        processes,
        onReturn: () => undefined,
        log: (line) => console.error(line)
    });
    const open: Sql[] = [];
    const connect = (name: string, role = 'supabase_admin'): Sql => {
        const sql = postgres(new URL(`/${name}`, database.url(role)).href, {
            max: 1,
            onnotice: () => undefined,
            connection: { statement_timeout: FOR_EVER_MS }
        });
        open.push(sql);
        return sql;
    };
    const close = async (): Promise<void> => {
        await Promise.all(open.map((sql) => sql.end({ timeout: 2 })));
        await database.close();
        processes.close();
        rmSync(folder, { recursive: true, force: true });
    };
    try {
        await database.prepare(vaultOfNobody());
        await database.applyProject({ migrations: true, seeds: [], progress: () => undefined });
        const owner = connect('postgres', 'postgres');
        await installTestTools(owner);
        await prepare?.(owner);
        await owner.end();
        const maker = connect('template1');
        const from = async (template: string, name: string): Promise<Sql> => {
            await maker.unsafe(`create database ${name} template ${template} owner postgres`);
            // What a database gives away is no part of a template; the first migration's word is repeated.
            await maker.unsafe(`revoke temporary on database ${name} from public`);
            return connect(name);
        };
        await (await from('postgres', 'reading')).end();
        let made = 0;
        const aScene = async (): Promise<Sql> => {
            made += 1;
            const name = `scene_${made}`;
            await (await from('postgres', name)).end();
            const sceneOwner = connect(name, 'postgres');
            await removeTestTools(sceneOwner);
            await sceneOwner.begin((sql) => setTheScene(sql));
            await sceneOwner.end();
            return connect(name);
        };
        return {
            template: connect('reading'),
            clone: async () => {
                made += 1;
                const empty = await from('postgres', `empty_${made}`);
                let scene = await aScene();
                let setAt = Date.now();
                return {
                    empty,
                    scene: async () => {
                        if (Date.now() - setAt > STALE_AFTER_MS) {
                            await scene.end();
                            scene = await aScene();
                            setAt = Date.now();
                        }
                        return scene;
                    }
                };
            },
            close
        };
    } catch (error) {
        await close();
        throw error;
    }
}

/** Made-up values for the secrets that the project keeps in the vault: keys that open nothing, addresses nobody answers at. */
function vaultOfNobody(): Record<string, string> {
    const names = Object.keys(platformConfig(readConfig(projectDir).raw).db.vault);
    return Object.fromEntries(
        names.map((name) => [
            name,
            name.endsWith('_url') ? 'http://127.0.0.1:9/functions/v1' : randomBytes(32).toString('hex')
        ])
    );
}
