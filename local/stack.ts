// The embedded Supabase as a whole: one process of ours, and Postgres, PostgREST and Deno as its children.
// It runs any project laid out as Supabase's own tools expect and knows nothing of what the project is.

import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import postgres from 'postgres';
import type { Sql } from 'postgres';
import { createControl } from './cron/control.ts';
import { startWorker } from './cron/worker.ts';
import type { Certificate } from './certificate.ts';
import { createClock } from './clock.ts';
import { platformConfig, readConfig, readManifest, resolveConfig } from './config.ts';
import { bootstrap } from './database/bootstrap.ts';
import { endCluster, startPostgres } from './database/postgres.ts';
import { ensureVaultKey, fillVault } from './database/vault.ts';
import { openSecrets, resolveEnvironment, standInsFor } from './environment.ts';
import { startFunctions } from './functions/functions.ts';
import { createGateway } from './gateway.ts';
import type { Service } from './gateway.ts';
import { createKeys } from './keys.ts';
import { migrate, seed } from './migrate.ts';
import { freePort, listen, USUAL_PORTS } from './ports.ts';
import type { PortName } from './ports.ts';
import { claimFolder, Processes, readJson, releaseFolder, writeAtomically } from './processes.ts';
import { startPostgrest } from './rest/postgrest.ts';

export type StackInfo = {
    apiUrl: string;
    publishableKey: string;
    secretKey: string;
    /** As `postgres`, the owner a hosted project gives you: no superuser. */
    databaseUrl: string;
    /** As `supabase_admin`; for tests that tamper with rows or age them. */
    superuserUrl: string;
    /** Inbox page and Resend-shaped API are one server. */
    inboxUrl: string;
    mailUrl: string;
    mailApiKey: string;
    stripeUrl: string;
    stripeSecretKey: string;
    stripeWebhookSecret: string;
    googleUrl: string;
    appleUrl: string;
    /** Clock, cron and net of this stack: POST /clock {"advance_seconds": n}, /clock/reset, /cron/tick, /net/drain. */
    controlUrl: string;
    /** Every env(NAME) of config.toml, resolved; for the app's process. */
    env: Record<string, string>;
};

export type StackOptions = {
    projectDir: string;
    stateDir: string;
    /** 0 = any free port; otherwise that one or the next free. */
    ports?: Partial<Record<PortName, number>>;
    /** Where the web app will listen; its address becomes APP_ORIGIN. */
    appPort?: number;
    appOrigin?: string;
    /** Writes reach the disk before they are confirmed (default). Off only for throw-away data. */
    durable?: boolean;
    migrate?: boolean;
    seed?: boolean;
    /** Start the functions anew when their code changes. */
    watch?: boolean;
    /** Settings given by the person; the process's environment by default. */
    given?: NodeJS.ProcessEnv;
    /** Serve over this certificate, at its host, instead of plain http on this machine alone. */
    tls?: Certificate;
    /** Forget all data first. */
    reset?: boolean;
    /** What the person may want to know. */
    log?: (line: string) => void;
    /** What goes well; goes to `log` by default. */
    progress?: (line: string) => void;
};

export type Stack = {
    info: StackInfo;
    /** The providers that a stand-in plays. */
    standIns: string[];
    stop(): Promise<void>;
    stopDatabase(): Promise<void>;
    startDatabase(): Promise<void>;
};

type Closable = { fetch: Service; close(): Promise<void> };

/** Everything in the state folder that is the person's or follows from it. */
const DATA = [
    ...['postgres', 'postgres.new', 'storage', 'secrets.json', 'ports.json', 'logs'],
    ...['stripe.sqlite', 'stripe.sqlite-wal', 'stripe.sqlite-shm'],
    ...['mail.sqlite', 'mail.sqlite-wal', 'mail.sqlite-shm', 'google-keys.json', 'apple-keys.json']
];

/** Starts the stack; throws, with everything ended again, when a part of it can't start. */
export async function startStack(options: StackOptions): Promise<Stack> {
    const undo: (() => Promise<unknown> | unknown)[] = [];
    const stop = async () => {
        for (let step = undo.pop(); step; step = undo.pop()) await step();
    };
    try {
        return await bringUp(options, undo, once(stop));
    } catch (error) {
        await stop().catch(() => undefined);
        throw error;
    }
}

async function bringUp(
    options: StackOptions,
    undo: (() => Promise<unknown> | unknown)[],
    stop: () => Promise<void>
): Promise<Stack> {
    const log = options.log ?? (() => undefined);
    const progress = options.progress ?? log;
    const given = options.given ?? process.env;
    claimFolder(options.stateDir);
    undo.push(() => releaseFolder(options.stateDir));
    mkdirSync(join(options.stateDir, 'logs'), { recursive: true, mode: 0o700 });
    const projectDir = realpathSync(options.projectDir);
    const stateDir = realpathSync(options.stateDir);
    const state = (name: string) => join(stateDir, name);

    const processes = new Processes(state('pids.json'));
    await processes.endLeftovers();
    undo.push(() => processes.close());
    if (options.reset) {
        await endCluster(state('postgres'));
        for (const name of DATA) rmSync(state(name), { recursive: true, force: true });
        mkdirSync(state('logs'), { mode: 0o700 });
    }

    const manifest = readManifest(projectDir);
    const { raw, names } = readConfig(projectDir);
    const { secrets, save } = await openSecrets(stateDir);
    const clock = createClock();

    const { tls } = options;
    // Every address first: the parts know each other by them.
    const remembered = readJson<Partial<Record<PortName, number>>>(state('ports.json')) ?? {};
    const wish = (name: PortName) => options.ports?.[name] ?? remembered[name] ?? USUAL_PORTS[name];
    const doors = new Map<PortName, Door>();
    for (const name of ['api', 'inbox', 'control', 'stripe', 'google', 'apple'] as const) {
        const door = await openDoor(wish(name), name === 'control' ? undefined : tls);
        doors.set(name, door);
        undo.push(() => closeServer(door.server));
    }
    const url = (name: PortName) =>
        `${tls && name !== 'control' ? `https://${tls.host}` : 'http://127.0.0.1'}:${doors.get(name)?.port}`;
    const apiUrl = url('api');

    const appOrigin =
        options.appOrigin ?? `${tls ? `https://${tls.host}` : 'http://localhost'}:${options.appPort ?? 3000}`;
    const generated = secrets.generated;
    const secretOf = (name: string, prefix: string) =>
        (generated[name] ??= `${prefix}${randomBytes(24).toString('hex')}`);
    const stripeSecretKey = secretOf('stand-in: STRIPE_SECRET_KEY', 'sk_test_');
    const stripeWebhookSecret = secretOf('stand-in: STRIPE_WEBHOOK_SECRET', 'whsec_');
    const mailApiKey = secretOf('stand-in: RESEND_API_KEY', 're_');
    const env = resolveEnvironment({
        names,
        given,
        standIns: {
            stripe: {
                STRIPE_SECRET_KEY: stripeSecretKey,
                STRIPE_API_URL: url('stripe'),
                STRIPE_WEBHOOK_SECRETS: stripeWebhookSecret
            },
            mail: { RESEND_API_KEY: mailApiKey, RESEND_API_URL: url('inbox') },
            google: {
                GOOGLE_CLIENT_ID: 'stand-in-google',
                GOOGLE_CLIENT_SECRET: secretOf('stand-in: GOOGLE_CLIENT_SECRET', ''),
                GOOGLE_ISSUER: url('google')
            },
            apple: {
                APPLE_CLIENT_ID: 'stand-in.apple',
                APPLE_CLIENT_SECRET: secretOf('stand-in: APPLE_CLIENT_SECRET', ''),
                APPLE_ISSUER: url('apple')
            }
        },
        derived: {
            APP_ORIGIN: appOrigin,
            ...Object.fromEntries(
                Object.entries(manifest.env).map(([name, value]) => [name, value.replaceAll('{api}', apiUrl)])
            )
        },
        generated
    });
    save();
    const config = resolveConfig(raw, env);
    const settings = platformConfig(config);
    const keys = await createKeys(secrets.signingKey, `${apiUrl}/auth/v1`, clock);

    const legacyKey = (role: string) => keys.sign({ role, iat: 1_700_000_000, exp: 2_300_000_000 });
    const startingFunctions = startFunctions({
        projectDir,
        logFile: state('logs/functions.log'),
        cacheDir: state('deno'),
        settings: settings.functions,
        env: {
            SUPABASE_URL: apiUrl,
            SUPABASE_ANON_KEY: await legacyKey('anon'),
            SUPABASE_SERVICE_ROLE_KEY: await legacyKey('service_role'),
            SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: secrets.publishableKey }),
            SUPABASE_SECRET_KEYS: JSON.stringify({ default: secrets.secretKey }),
            SUPABASE_JWKS: JSON.stringify(keys.jwks()),
            SB_REGION: 'local',
            SB_EXECUTION_ID: randomUUID(),
            DENO_DEPLOYMENT_ID: `local_${settings.project_id}`,
            ...settings.edge_runtime.secrets
        },
        watch: options.watch ?? false,
        trust: tls?.certFile,
        processes,
        log
    });
    // Starts beside the database; a failure is told when the stack waits for it.
    startingFunctions.catch(() => undefined);
    undo.push(async () => (await startingFunctions.catch(() => undefined))?.stop());

    const database = await startPostgres({
        projectDir,
        dataDir: state('postgres'),
        logFile: state('logs/postgres.log'),
        port: await freePort(wish('database')),
        password: secrets.databasePassword,
        durable: options.durable ?? true,
        processes,
        log
    });
    undo.push(() => database.stop());
    writeAtomically(
        state('ports.json'),
        JSON.stringify({
            ...Object.fromEntries([...doors].map(([n, { port }]) => [n, port])),
            database: database.port
        })
    );
    const databaseUrl = (role: string) =>
        `postgres://${role}:${secrets.databasePassword}@127.0.0.1:${database.port}/postgres`;
    const pool = (role: string, max: number): Sql => {
        const sql = postgres(databaseUrl(role), {
            max,
            idle_timeout: 60,
            connect_timeout: 5,
            // A failed connection is tried again with the next query, not after a growing pause.
            backoff: false,
            onnotice: () => undefined,
            connection: { application_name: role }
        });
        undo.push(() => sql.end({ timeout: 2 }));
        return sql;
    };

    ensureVaultKey(state('postgres'));
    const superuser = pool('supabase_admin', 1);
    await bootstrap(superuser, secrets.databasePassword);
    await fillVault(superuser, settings.db.vault);
    const worker = await startWorker({ databaseUrl, loginRoles: ['postgres'], clock, log });
    undo.push(() => worker.stop());
    doors.get('control')?.serve(createControl({ clock, worker }).fetch);

    const authSql = pool('supabase_auth_admin', 5);
    const storageSql = pool('supabase_storage_admin', 5);
    const service = async (name: string, deps: Record<string, unknown>): Promise<Closable> => {
        const created = await createService(name, { ...deps, clock, log });
        undo.push(() => created.close());
        return created;
    };
    const auth = await service('auth', {
        sql: authSql,
        keys,
        config,
        externalUrl: `${apiUrl}/auth/v1`,
        fetch: globalThis.fetch
    });
    const storage = await service('storage', { sql: storageSql, keys, config, filesDir: state('storage') });

    const owner = postgres(databaseUrl('postgres'), { max: 1, onnotice: () => undefined });
    try {
        if (options.migrate ?? true)
            for (const file of await migrate(owner, join(projectDir, 'supabase', 'migrations')))
                progress(`migrated ${file}`);
        if ((options.seed ?? true) && settings.db.seed.enabled) {
            const files = settings.db.seed.sql_paths.map((path) => join(projectDir, 'supabase', path));
            for (const file of await seed(owner, files)) progress(`seeded ${file}`);
        }
    } finally {
        await owner.end();
    }

    const rest = await startPostgrest({
        projectDir,
        logFile: state('logs/postgrest.log'),
        databaseUrl: () => databaseUrl('authenticator'),
        schemas: settings.api.schemas,
        extraSearchPath: settings.api.extra_search_path,
        maxRows: settings.api.max_rows,
        jwks: keys.jwks(),
        publicUrl: apiUrl,
        processes,
        log
    });
    undo.push(() => rest.stop());

    const standIns = standInsFor(given);
    const open = async (name: PortName, module: string, deps: Record<string, unknown>) => {
        const door = doors.get(name);
        if (door) door.serve((await service(module, deps)).fetch);
    };
    if (standIns.has('mail'))
        await open('inbox', 'mail', { stateFile: state('mail.sqlite'), apiKey: mailApiKey });
    if (standIns.has('stripe'))
        await open('stripe', 'stripe', {
            stateFile: state('stripe.sqlite'),
            publicUrl: url('stripe'),
            secretKey: stripeSecretKey,
            webhookEndpoints: [
                ...manifest.stripeWebhooks.map((path) => ({ url: apiUrl + path, connect: false })),
                ...manifest.connectWebhooks.map((path) => ({ url: apiUrl + path, connect: true }))
            ].map((endpoint) => ({ ...endpoint, secret: stripeWebhookSecret }))
        });
    for (const provider of ['google', 'apple'] as const) {
        if (!standIns.has(provider)) continue;
        const prefix = provider.toUpperCase();
        await open(provider, 'oidc', {
            provider,
            issuer: url(provider),
            clientId: env[`${prefix}_CLIENT_ID`],
            clientSecret: env[`${prefix}_CLIENT_SECRET`],
            keysFile: state(`${provider}-keys.json`)
        });
    }

    const functions = await startingFunctions;
    const gateway = createGateway({
        publishableKey: secrets.publishableKey,
        secretKey: secrets.secretKey,
        keys,
        clock,
        auth: auth.fetch,
        storage: storage.fetch,
        restPort: () => rest.port,
        functionsPort: () => functions.port,
        verifyJwt: (name) => functions.verifyJwt(name),
        log
    });
    doors.get('api')?.handOver(gateway);
    await rest.ready();

    return {
        info: {
            apiUrl,
            publishableKey: secrets.publishableKey,
            secretKey: secrets.secretKey,
            databaseUrl: databaseUrl('postgres'),
            superuserUrl: databaseUrl('supabase_admin'),
            inboxUrl: url('inbox'),
            mailUrl: url('inbox'),
            mailApiKey,
            stripeUrl: url('stripe'),
            stripeSecretKey,
            stripeWebhookSecret,
            googleUrl: url('google'),
            appleUrl: url('apple'),
            controlUrl: url('control'),
            env
        },
        standIns: ['supabase', ...standIns],
        stop,
        stopDatabase: () => database.stop(),
        startDatabase: async () => {
            await database.start();
            await rest.restart();
        }
    };
}

type Door = {
    server: Server;
    port: number;
    serve(service: Service): void;
    handOver(server: Server): void;
};

/** Takes a port at once and answers 503 until the service behind it is there. */
async function openDoor(wanted: number, tls?: Certificate): Promise<Door> {
    const wait: RequestListener = (_, outgoing) => {
        outgoing.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' });
        outgoing.end(JSON.stringify({ message: 'The stack is starting.' }));
    };
    const server = tls ? createTlsServer({ cert: tls.cert, key: tls.key }, wait) : createServer(wait);
    const port = await listen(server, wanted, tls && tls.host !== 'localhost' ? '0.0.0.0' : '127.0.0.1');
    const replace = (listener: RequestListener) => {
        server.removeAllListeners('request');
        server.on('request', listener);
    };
    return {
        server,
        port,
        serve: (service) => replace(getRequestListener(service, { overrideGlobalObjects: false })),
        handOver: (other) => replace((incoming, outgoing) => other.emit('request', incoming, outgoing))
    };
}

function closeServer(server: Server): Promise<void> {
    return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
    });
}

async function createService(name: string, deps: Record<string, unknown>): Promise<Closable> {
    const file = join(import.meta.dirname, name, 'index.ts');
    if (!existsSync(file))
        return {
            fetch: () =>
                Response.json({ message: `The embedded ${name} service is not there yet.` }, { status: 501 }),
            close: async () => undefined
        };
    const module = (await import(file)) as Record<
        string,
        (deps: Record<string, unknown>) => Promise<Closable>
    >;
    const create = module[`create${name[0]?.toUpperCase()}${name.slice(1)}`];
    if (!create) throw new Error(`local/${name}/index.ts exports no create function.`);
    return create(deps);
}

function once(work: () => Promise<void>): () => Promise<void> {
    let running: Promise<void> | undefined;
    return () => (running ??= work());
}
