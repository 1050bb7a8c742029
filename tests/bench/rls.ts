// `npm run bench -- rls`: what row-level security costs a member among a million invoices. Every statement is run with the
// policies and, in turn, by a role that passes over them: the same text, the same filter by account, the same claims. Ratios of
// one run are what counts; the times are of this machine in this minute.
import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';
import { aPerson, call, signIn, type Person } from '../support/business.ts';
import { startOwnStack, type OwnStack, type StackInfo } from '../support/stack.ts';
import { connected, filled, INVOICES, OWN_INVOICES } from './rls/data.ts';
import {
    COMPARED,
    makeRoles,
    OTHER_FORMS,
    STATEMENTS,
    statementsIn,
    UNNAMED,
    writePolicies,
    type Statement
} from './rls/statements.ts';
import { percentile } from './samples.ts';
import type { Judgement } from './targets.ts';

/** How many accounts share the million; the member's own holds a thousand of it in each world. */
const SIZES = [10, 1_000, 10_000] as const;
const [FEW, MAIN, MANY] = SIZES;
const WARM_UP = 20;
const FEW_ROUNDS = 5;
/** The other forms are slower by magnitudes and need fewer rounds to show it. */
const OTHER_FORMS_SHARE = 10;

export type Pair = {
    with: { p50_ms: number; p95_ms: number };
    without: { p50_ms: number; p95_ms: number };
    adds_ms: number;
    ratio: number;
    /** Milliseconds that Postgres itself says it planned and ran, on average, without the ways to it. */
    server?: { with_ms: number; without_ms: number };
};

export type RlsFigures = {
    rounds: number;
    invoices: number;
    own_invoices: number;
    statements: Record<string, Record<string, Pair>>;
    data_api: Record<string, Pair>;
    /** p50 of each statement with the policies: ten thousand accounts over ten, and without policies the same. */
    slope: Record<string, { with: number; without: number }>;
    other_forms: Record<string, Record<string, { p50_ms: number; ratio: number }>>;
    targets: Judgement[];
};

type Log = (line: string) => void;
/** Something to be timed, by its name. */
type Runner = { name: string; run(): Promise<unknown> };

/** A stack with its million, and the member whose business is among the others. */
type World = { accounts: number; stack: OwnStack; person: Person; account: string };

/** Loads the data, measures, and judges. */
export async function rls(rounds: number, log: Log): Promise<RlsFigures> {
    const worlds: World[] = [];
    try {
        for (const accounts of SIZES) worlds.push(await aWorld(accounts));
        const began = performance.now();
        // All of them to their end, before one that failed takes the others' databases away.
        const loaded = await Promise.allSettled(
            worlds.map(({ stack, accounts }) => prepare(stack.info, accounts))
        );
        for (const one of loaded) if (one.status === 'rejected') throw one.reason;
        log(
            `Loaded ${SIZES.length} x ${INVOICES} invoices in ${Math.round((performance.now() - began) / 1000)} s`
        );
        const main = worlds.find(({ accounts }) => accounts === MAIN);
        if (!main) throw new Error(`There is no world of ${MAIN} accounts.`);
        const statements = await inTheDatabase(worlds, rounds, log);
        const other_forms = await otherForms(main, rounds, log);
        const data_api = await throughTheDataApi(main, rounds, log);
        const slope = slopeOf(statements);
        const figures = {
            rounds,
            invoices: INVOICES,
            own_invoices: OWN_INVOICES,
            statements,
            data_api,
            slope
        };
        return { ...figures, other_forms, targets: judge(figures) };
    } finally {
        for (const { stack } of worlds) await stack.stopAndForget();
    }
}

/** A stack of its own, with the owner of a business, signed in. */
async function aWorld(accounts: number): Promise<World> {
    const stack = await startOwnStack();
    process.env.TF_STACK = JSON.stringify(stack.info);
    const person = await aPerson('member');
    const account = await call<string>(person.db, 'open_account', {
        name: 'Bell Lane Electrical',
        trade: 'Electrician',
        vat_registered: false,
        vat_number: null,
        person_name: 'Robin Bell',
        idempotency_key: randomUUID()
    });
    return { accounts, stack, person, account };
}

async function prepare({ superuserUrl }: StackInfo, accounts: number): Promise<void> {
    await filled(superuserUrl, accounts);
    const sql = connected(superuserUrl);
    try {
        await makeRoles(sql);
        await sql`create extension if not exists pg_stat_statements with schema extensions`;
        await sql`alter system set pg_stat_statements.track_planning = on`;
        await sql`select pg_reload_conf()`;
    } finally {
        await sql.end();
    }
}

/** A connection on which every statement is run as the Data API would: in this role, with the claims of the member's token. */
async function actingAs(role: string, { stack, person }: World): Promise<Sql> {
    const sql = connected(stack.info.superuserUrl);
    const claims = Buffer.from(person.accessToken.split('.')[1] ?? '', 'base64url').toString();
    await sql`select set_config('request.jwt.claims', ${claims}, false), set_config('request.headers', '{}', false)`;
    await sql.unsafe(`set role ${role}`);
    return sql;
}

const prepared = (sql: Sql, { text, args }: Statement) => sql.unsafe(text, [...args], { prepare: true });

/** Times the runners in turn, each round in another order, after some rounds that don't count. */
async function interleaved(
    runners: readonly Runner[],
    rounds: number,
    warmUp = WARM_UP
): Promise<Map<string, number[]>> {
    const times = new Map(runners.map(({ name }) => [name, [] as number[]]));
    for (let round = -warmUp; round < rounds; round += 1) {
        const shift = (round + warmUp) % runners.length;
        for (const { name, run } of [...runners.slice(shift), ...runners.slice(0, shift)]) {
            const began = performance.now();
            await run();
            if (round >= 0) times.get(name)?.push(performance.now() - began);
        }
    }
    return times;
}

const thousandth = (value: number): number => Math.round(value * 1000) / 1000;

function pair(withPolicies: readonly number[], without: readonly number[]): Pair {
    const both = [withPolicies, without].map((times) => ({
        p50_ms: thousandth(percentile(times, 0.5)),
        p95_ms: thousandth(percentile(times, 0.95))
    }));
    const [ours = { p50_ms: NaN, p95_ms: NaN }, theirs = ours] = both;
    return {
        with: ours,
        without: theirs,
        adds_ms: thousandth(ours.p50_ms - theirs.p50_ms),
        ratio: thousandth(ours.p50_ms / theirs.p50_ms)
    };
}

const timesOf = (times: ReadonlyMap<string, number[]>, name: string): number[] => times.get(name) ?? [];

async function inTheDatabase(worlds: readonly World[], rounds: number, log: Log) {
    const admins = worlds.map(({ accounts, stack }) => ({
        accounts,
        sql: connected(stack.info.superuserUrl)
    }));
    const lanes = await Promise.all(
        worlds.flatMap((world) =>
            ['authenticated', 'bench_without'].map(async (role) => {
                const sql = await actingAs(role, world);
                return {
                    name: `${world.accounts} ${role}`,
                    sql,
                    statements: await statementsIn(sql, world.account)
                };
            })
        )
    );
    const figures: RlsFigures['statements'] = {};
    try {
        for (const name of STATEMENTS) {
            for (const { sql } of admins) await sql`select extensions.pg_stat_statements_reset()`;
            const times = await interleaved(
                lanes.map((lane) => ({
                    name: lane.name,
                    run: () => prepared(lane.sql, lane.statements[name])
                })),
                rounds
            );
            const bySize: Record<string, Pair> = {};
            for (const { accounts, sql } of admins) {
                const found = pair(
                    timesOf(times, `${accounts} authenticated`),
                    timesOf(times, `${accounts} bench_without`)
                );
                const server = await serverTime(sql, name);
                bySize[accounts] = { ...found, ...(server ? { server } : {}) };
            }
            figures[name] = bySize;
            for (const [accounts, one] of Object.entries(bySize))
                log(asLine(`${name}, ${accounts} accounts`, one));
        }
    } finally {
        await Promise.all([...admins, ...lanes].map(({ sql }) => sql.end()));
    }
    return figures;
}

async function serverTime(admin: Sql, name: string): Promise<Pair['server']> {
    const rows = await admin<{ role: string; ms: number }[]>`
        select s.userid::regrole::text as role, sum(s.total_plan_time + s.total_exec_time) / sum(s.calls) as ms
        from extensions.pg_stat_statements as s
        where s.query like ${`/* ${name} */%`}
        group by 1
    `;
    const of = (role: string) => rows.find((row) => row.role === role)?.ms;
    const [ours, without] = [of('authenticated'), of('bench_without')];
    if (ours === undefined || without === undefined) return undefined;
    return { with_ms: thousandth(ours), without_ms: thousandth(without) };
}

async function otherForms(world: World, rounds: number, log: Log) {
    const forms = ['without', ...Object.keys(OTHER_FORMS)];
    const bounded = ['ours', 'without', 'plain_any'];
    const quick = ['ours', 'without', 'looks_nothing_up'];
    const admin = connected(world.stack.info.superuserUrl);
    await writePolicies(admin, world.account);
    await admin.end();
    const ours = await actingAs('authenticated', world);
    const statements = await statementsIn(ours, world.account);
    const others = forms.map(async (form) => ({ form, sql: await actingAs(`bench_${form}`, world) }));
    const lanes = [{ form: 'ours', sql: ours }, ...(await Promise.all(others))];
    const figures: RlsFigures['other_forms'] = {};
    const measure = async (
        name: string,
        statement: Statement,
        times: number,
        warmUp: number,
        measured = lanes
    ): Promise<void> => {
        const found = await interleaved(
            measured.map(({ form, sql }) => ({ name: form, run: () => prepared(sql, statement) })),
            times,
            warmUp
        );
        const base = percentile(timesOf(found, 'without'), 0.5);
        const row: (typeof figures)[string] = {};
        for (const { form } of measured) {
            const p50 = percentile(timesOf(found, form), 0.5);
            row[form] = { p50_ms: thousandth(p50), ratio: thousandth(p50 / base) };
        }
        figures[name] = row;
        const told = Object.entries(row).map(([form, { p50_ms: ms, ratio }]) => `${form} ${ms} ms x${ratio}`);
        log(`${name}: ${told.join(', ')}`);
    };
    for (const name of COMPARED)
        await measure(name, statements[name], Math.ceil(rounds / OTHER_FORMS_SHARE), FEW_ROUNDS);
    // How near ours is to the least there could be shows only in as many rounds as the figures themselves have.
    for (const name of COMPARED)
        await measure(
            `${name}_at_least`,
            statements[name],
            rounds,
            WARM_UP,
            lanes.filter(({ form }) => quick.includes(form))
        );
    // Where a statement names no account, only a condition that is an index condition keeps to the account's rows.
    await measure(
        'no_account_named',
        UNNAMED,
        FEW_ROUNDS,
        1,
        lanes.filter(({ form }) => bounded.includes(form))
    );
    await Promise.all(lanes.map(({ sql }) => sql.end()));
    return figures;
}

async function throughTheDataApi({ stack: { info }, person, account }: World, rounds: number, log: Log) {
    process.env.TF_STACK = JSON.stringify(info);
    const admin = connected(info.superuserUrl);
    try {
        // The same person's token for the role that passes over policies: signed by the auth server, as every other.
        await admin`update auth.users set role = 'bench_without' where id = ${person.id}`;
        const passing = await signIn(person.email, person.password);
        await admin`update auth.users set role = 'authenticated' where id = ${person.id}`;
        const [draft] = await admin<{ id: string; job_id: string; customer_id: string }[]>`
            select id, job_id, customer_id
            from public.invoices
            where account_id = ${account} and state = 'draft'
            limit 1
        `;
        const { id = '', job_id, customer_id } = draft ?? {};
        const body = JSON.stringify({ account_id: account, job_id, customer_id, notes: 'A draft' });
        const ask = async (token: string, query: string, init: RequestInit = {}): Promise<void> => {
            const response = await fetch(`${info.apiUrl}/rest/v1/invoices${query}`, {
                ...init,
                headers: {
                    apikey: info.publishableKey,
                    authorization: `Bearer ${token}`,
                    'content-type': 'application/json',
                    prefer: 'return=minimal'
                }
            });
            const answer = await response.text();
            if (!response.ok || answer === '[]') throw new Error(`${response.status} ${answer}`);
        };
        const acts: Record<string, (token: string) => Promise<void>> = {
            row: (token) => ask(token, `?account_id=eq.${account}&id=eq.${id}`),
            insert: (token) => ask(token, '', { method: 'POST', body })
        };
        const figures: Record<string, Pair> = {};
        for (const [name, act] of Object.entries(acts)) {
            const times = await interleaved(
                [
                    { name: 'with', run: () => act(person.accessToken) },
                    { name: 'without', run: () => act(passing.accessToken) }
                ],
                rounds
            );
            const found = pair(timesOf(times, 'with'), timesOf(times, 'without'));
            figures[name] = found;
            log(asLine(`${name} through the Data API`, found));
        }
        return figures;
    } finally {
        await admin.end();
    }
}

function slopeOf(statements: RlsFigures['statements']): RlsFigures['slope'] {
    const slope: RlsFigures['slope'] = {};
    for (const [name, bySize] of Object.entries(statements)) {
        const few = bySize[FEW];
        const many = bySize[MANY];
        if (few && many)
            slope[name] = {
                with: thousandth(many.with.p50_ms / few.with.p50_ms),
                without: thousandth(many.without.p50_ms / few.without.p50_ms)
            };
    }
    return slope;
}

function asLine(what: string, { with: ours, without, adds_ms: adds, ratio, server }: Pair): string {
    const inside = server ? `; in the server ${server.with_ms} over ${server.without_ms}` : '';
    return `${what.padEnd(34)}p50 ${ours.p50_ms} over ${without.p50_ms} ms: adds ${adds}, x${ratio}; p95 ${ours.p95_ms}${inside}`;
}

function judge({
    statements,
    data_api,
    slope
}: Pick<RlsFigures, 'statements' | 'data_api' | 'slope'>): Judgement[] {
    const at = (name: string): Pair | undefined => statements[name]?.[MAIN];
    const found: [what: string, target: number, measured: number | undefined][] = [
        ...['page', 'page_with_names', 'row'].map((name): [string, number, number | undefined] => [
            `${name} p95, ms`,
            5,
            at(name)?.with.p95_ms
        ]),
        ...['row', 'page', 'insert'].map((name): [string, number, number | undefined] => [
            `${name}: policies add, ms at p50`,
            0.06,
            at(name)?.adds_ms
        ]),
        ...['page', 'page_with_names', 'search', 'sum'].map((name): [string, number, number | undefined] => [
            `${name}: with over without`,
            1.1,
            at(name)?.ratio
        ]),
        ...['row', 'insert'].map((name): [string, number, number | undefined] => [
            `${name}: with over without`,
            1.5,
            at(name)?.ratio
        ]),
        ...Object.entries(data_api).map(([name, { ratio }]): [string, number, number | undefined] => [
            `${name} through the Data API`,
            1.1,
            ratio
        ]),
        ...Object.entries(slope).map(([name, { with: ratio }]): [string, number, number | undefined] => [
            `${name}: 10,000 accounts over 10`,
            1.15,
            ratio
        ])
    ];
    return found.flatMap(([what, target, measured]) =>
        measured === undefined ? [] : [{ what, target, measured, met: measured <= target }]
    );
}
