// The embedded Supabase as a whole: one process of ours, and Postgres, PostgREST and Deno as its children.
// It runs any project laid out as Supabase's own tools expect and knows nothing of what the project is.

import { randomUUID } from 'node:crypto';
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createAuth } from './auth/index.ts';
import { newSamlKey } from './auth/saml/service-provider.ts';
import type { Certificate } from './certificate.ts';
import { createClock } from './clock.ts';
import { platformConfig, readConfig, readManifest, resolveConfig } from './config.ts';
import type { PlatformConfig } from './config.ts';
import { createControl } from './cron/control.ts';
import { startWorker } from './cron/worker.ts';
import { openDatabase } from './database/database.ts';
import { endCluster } from './database/postgres.ts';
import { openDoor } from './doors.ts';
import { createDropBox } from './drops.ts';
import type { Door } from './doors.ts';
import { openSecrets, resolveEnvironment, standInsFor } from './environment.ts';
import type { ProviderName, Secrets } from './environment.ts';
import { startFunctions } from './functions/functions.ts';
import { createGateway } from './gateway.ts';
import { createKeys } from './keys.ts';
import type { Keys } from './keys.ts';
import { USUAL_PORTS } from './ports.ts';
import type { PortName } from './ports.ts';
import { claimFolder, Processes, readJson, releaseFolder, writeAtomically } from './processes.ts';
import { startPostgrest } from './rest/postgrest.ts';
import type { Postgrest } from './rest/postgrest.ts';
import { standInSettings, startStandIn } from './stand-ins.ts';
import { createStorage } from './storage/index.ts';

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
    azureUrl: string;
    /** The stand-in for a business's own identity provider. */
    sso: { url: string; clientId: string; clientSecret: string };
    /** The same for SAML 2.0: its metadata stand under /metadata. */
    samlUrl: string;
    passwordsUrl: string;
    /** The stand-in for the DNS: its page, and its resolver under /dns-query. */
    dnsUrl: string;
    /** The stand-in for Turnstile; empty where it is left out. */
    turnstileUrl: string;
    /**
     * Clock, cron and net of this stack: POST /clock {"advance_seconds": n}, /clock/reset, /cron/tick, /net/drain. And a
     * drop box: POST /drop/NAME keeps the body as a line of drops/NAME.jsonl in the state folder.
     */
    controlUrl: string;
    /** Every env(NAME) of config.toml, resolved. */
    env: Record<string, string>;
};

export type StackOptions = {
    projectDir: string;
    stateDir: string;
    /** 0 = any free port; otherwise that one or the next free. */
    ports?: Partial<Record<PortName, number>>;
    /** Where the web app will listen; its address becomes APP_ORIGIN. */
    appPort?: number;
    /** Writes reach the disk before they are confirmed (default). Off only for throw-away data. */
    durable?: boolean;
    migrate?: boolean;
    seed?: boolean;
    /** Stand-ins that are left out: their settings are empty, and what they stand for is switched off. */
    without?: readonly ProviderName[];
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

/** Everything in the state folder that is the person's or follows from it. */
const DATA = [
    ...['postgres', 'postgres.new', 'storage', 'drops', 'secrets.json', 'ports.json', 'logs'],
    ...['stripe.sqlite', 'stripe.sqlite-wal', 'stripe.sqlite-shm'],
    ...['mail.sqlite', 'mail.sqlite-wal', 'mail.sqlite-shm', 'google-keys.json', 'apple-keys.json'],
    ...['azure-keys.json', 'sso-keys.json', 'saml-people.json', 'saml-key.json'],
    'dns.json'
];

/** How to take back what was started, the last first. */
type Undo = (() => Promise<unknown> | unknown)[];

/** Starts the stack; throws, with everything ended again, when a part of it can't start. */
export async function startStack(options: StackOptions): Promise<Stack> {
    const undo: Undo = [];
    let stopping: Promise<void> | undefined;
    const takeBack = async () => {
        for (let step = undo.pop(); step; step = undo.pop()) await step();
    };
    const stop = () => (stopping ??= takeBack());
    try {
        return await bringUp(options, undo, stop);
    } catch (error) {
        await stop().catch(() => undefined);
        throw error;
    }
}

async function bringUp(options: StackOptions, undo: Undo, stop: () => Promise<void>): Promise<Stack> {
    const { tls, log = () => undefined } = options;
    const given = options.given ?? process.env;
    const projectDir = realpathSync(options.projectDir);
    const { stateDir, state, processes } = await openState(options, undo);
    const manifest = readManifest(projectDir);
    const { raw, names } = readConfig(projectDir);
    const { secrets, save } = await openSecrets(stateDir);
    const clock = createClock();

    // Every address first: the parts know each other by them.
    const remembered = readJson<Partial<Record<PortName, number>>>(state('ports.json')) ?? {};
    const wish = (name: PortName) => options.ports?.[name] ?? remembered[name] ?? USUAL_PORTS[name];
    const doors = await openDoors(wish, tls, undo);
    for (const [name, { port }] of Object.entries(doors)) sayIfMoved(log, name, wish(name as DoorName), port);
    const url = (name: DoorName) =>
        `${tls && name !== 'control' ? `https://${tls.host}` : 'http://127.0.0.1'}:${doors[name].port}`;
    const urls = {
        mail: url('inbox'),
        stripe: url('stripe'),
        google: url('google'),
        apple: url('apple'),
        azure: url('azure'),
        sso: url('sso'),
        saml: url('saml'),
        passwords: url('passwords'),
        dns: url('dns'),
        turnstile: url('turnstile')
    };
    const apiUrl = url('api');
    const played = await standInSettings(urls, secrets.generated);
    const appOrigin = `${tls ? `https://${tls.host}` : 'http://localhost'}:${options.appPort ?? 3000}`;
    const fromManifest = Object.entries(manifest.env).map(([name, value]) => [
        name,
        value.replaceAll('{api}', apiUrl).replaceAll('{control}', url('control'))
    ]);
    const leftOut = options.without ?? [];
    const env = resolveEnvironment({
        names: [...new Set([...names, ...manifest.appEnv])],
        given,
        standIns: { ...played.settings, ...Object.fromEntries(leftOut.map((name) => [name, {}])) },
        derived: {
            ...Object.fromEntries(
                leftOut.flatMap((name) => Object.keys(played.settings[name])).map((setting) => [setting, ''])
            ),
            APP_ORIGIN: appOrigin,
            APP_HOST: new URL(given.APP_ORIGIN || appOrigin).hostname,
            ...Object.fromEntries(fromManifest)
        },
        generated: secrets.generated
    });
    const samlPrivateKey =
        given.GOTRUE_SAML_PRIVATE_KEY || (secrets.generated['auth: SAML_PRIVATE_KEY'] ??= newSamlKey());
    save();
    const config = resolveConfig(raw, env);
    const settings = platformConfig(config);
    const keys = await createKeys(secrets.signingKey, `${apiUrl}/auth/v1`, clock);

    const startingFunctions = startFunctions({
        projectDir,
        logFile: state('logs/functions.log'),
        cacheDir: state('deno'),
        settings: settings.functions,
        env: await functionEnvironment(apiUrl, secrets, keys, settings),
        watch: options.watch ?? false,
        trust: tls?.certFile,
        processes,
        log
    });
    // Starts beside the database; a failure is told when the stack waits for it.
    startingFunctions.catch(() => undefined);
    undo.push(async () => (await startingFunctions.catch(() => undefined))?.stop());

    const dataApi: { server?: Postgrest } = {};
    const database = await openDatabase({
        projectDir,
        state,
        port: wish('database'),
        password: secrets.databasePassword,
        durable: options.durable ?? true,
        processes,
        // PostgREST by itself would look again after up to half a minute.
        onReturn: () => void dataApi.server?.restart().catch((error: Error) => log(error.message)),
        log
    });
    undo.push(() => database.close());
    sayIfMoved(log, 'database', wish('database'), database.port);
    const ports = Object.entries(doors).map(([name, { port }]) => [name, port]);
    writeAtomically(
        state('ports.json'),
        JSON.stringify({ ...Object.fromEntries(ports), database: database.port })
    );
    await database.prepare(settings.db.vault);

    const shared = { keys, config, clock, log };
    const auth = await createAuth({
        sql: database.pool('supabase_auth_admin', 5),
        externalUrl: `${apiUrl}/auth/v1`,
        fetch: globalThis.fetch,
        // Nobody solves a captcha in a test: whoever switches it on here names a judge on this machine.
        ...(given.CAPTCHA_VERIFY_URL ? { captchaUrl: given.CAPTCHA_VERIFY_URL } : {}),
        // The published server's own settings: the command line tool's config.toml has no names for them.
        ...(given.GOTRUE_SAML_ENABLED === 'false' ? {} : { samlPrivateKey }),
        ...shared
    });
    undo.push(() => auth.close());
    const storage = await createStorage({
        sql: database.pool('supabase_storage_admin', 5),
        filesDir: state('storage'),
        ...shared
    });
    undo.push(() => storage.close());

    await database.applyProject({
        migrations: options.migrate ?? true,
        seeds: (options.seed ?? true) && settings.db.seed.enabled ? settings.db.seed.sql_paths : [],
        progress: options.progress ?? log
    });

    const rest = await startPostgrest({
        projectDir,
        logFile: state('logs/postgrest.log'),
        databaseUrl: () => database.url('authenticator'),
        schemas: settings.api.schemas,
        extraSearchPath: settings.api.extra_search_path,
        maxRows: settings.api.max_rows,
        jwks: keys.jwks(),
        publicUrl: apiUrl,
        processes,
        log
    });
    dataApi.server = rest;
    undo.push(() => rest.stop());

    const standIns = new Set([...standInsFor(given)].filter((name) => !leftOut.includes(name)));
    for (const name of standIns) {
        const common = { urls, secrets: played.secrets, env, apiUrl, manifest };
        const standIn = await startStandIn(name, { ...common, state, clock, log });
        undo.push(() => standIn.close());
        doors[name === 'mail' ? 'inbox' : name].serve(standIn.fetch);
    }

    const worker = await startWorker({
        databaseUrl: (role) => database.url(role),
        loginRoles: ['postgres'],
        clock,
        log
    });
    undo.push(() => worker.stop());
    doors.control.serve(createControl({ clock, worker, drops: createDropBox(state('drops')) }).fetch);

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
    await rest.ready();
    doors.api.handOver((incoming, outgoing) => void gateway(incoming, outgoing));

    return {
        info: {
            apiUrl,
            publishableKey: secrets.publishableKey,
            secretKey: secrets.secretKey,
            databaseUrl: database.url('postgres'),
            superuserUrl: database.url('supabase_admin'),
            inboxUrl: urls.mail,
            mailUrl: urls.mail,
            stripeUrl: urls.stripe,
            ...played.secrets,
            googleUrl: urls.google,
            appleUrl: urls.apple,
            azureUrl: urls.azure,
            sso: { url: urls.sso, ...played.secrets.sso },
            samlUrl: urls.saml,
            passwordsUrl: urls.passwords,
            dnsUrl: urls.dns,
            turnstileUrl: standIns.has('turnstile') ? urls.turnstile : '',
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

async function openState(options: StackOptions, undo: Undo) {
    claimFolder(options.stateDir);
    undo.push(() => releaseFolder(options.stateDir));
    const stateDir = realpathSync(options.stateDir);
    const state = (name: string) => join(stateDir, name);
    const processes = new Processes(state('pids.json'));
    await processes.endLeftovers();
    undo.push(() => processes.close());
    if (options.reset) {
        await endCluster(state('postgres'));
        for (const name of DATA) rmSync(state(name), { recursive: true, force: true });
    }
    mkdirSync(state('logs'), { recursive: true, mode: 0o700 });
    return { stateDir, state, processes };
}

function sayIfMoved(log: (line: string) => void, name: string, wished: number, port: number): void {
    if (wished !== 0 && wished !== port) log(`Port ${wished} is taken, so ${name} takes ${port}.`);
}

type DoorName = Exclude<PortName, 'database'>;

async function openDoors(
    wish: (name: PortName) => number,
    tls: Certificate | undefined,
    undo: Undo
): Promise<Record<DoorName, Door>> {
    const open = async (name: DoorName) => {
        const door = await openDoor(wish(name), name === 'control' ? undefined : tls);
        undo.push(() => door.close());
        return door;
    };
    return {
        api: await open('api'),
        inbox: await open('inbox'),
        control: await open('control'),
        stripe: await open('stripe'),
        google: await open('google'),
        apple: await open('apple'),
        passwords: await open('passwords'),
        dns: await open('dns'),
        azure: await open('azure'),
        sso: await open('sso'),
        turnstile: await open('turnstile'),
        saml: await open('saml')
    };
}

/** What the hosted runtime gives every function, and the project's own secrets. */
async function functionEnvironment(
    apiUrl: string,
    secrets: Secrets,
    keys: Keys,
    settings: PlatformConfig
): Promise<Record<string, string>> {
    // The older keys are tokens that hardly end.
    const legacyKey = (role: string) => keys.sign({ role, iat: 1_700_000_000, exp: 2_300_000_000 });
    return {
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
    };
}
