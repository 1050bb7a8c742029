// `npm run bench -- NAME`: runs a benchmark. What a person reads comes first; the last line is one JSON object. Times are of
// this machine in this minute: compare figures of one run with each other, and runs of one machine side by side.
import { mkdirSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildIfChanged } from '../../local/build.ts';
import { Processes } from '../../local/processes.ts';
import { projectDir } from '../support/stack.ts';
import { audit } from './audit.ts';
import { auth } from './auth.ts';
import { enumeration } from './enumeration.ts';
import { journey } from './journey.ts';
import { rls } from './rls.ts';
import { aFolder, forget, measureStarts } from './starts.ts';
import { stuffing } from './stuffing.ts';
import { judged, type Figures, type Judgement } from './targets.ts';
import { trail } from './trail.ts';
import { watch } from './watch.ts';

type Bench = {
    says: string;
    /** How many rounds, unless somebody says otherwise. */
    rounds: number;
    /** Does it measure the app as it is built? */
    builds: boolean;
    run(rounds: number): Promise<{ targets: readonly Judgement[] }>;
};

const withTargets = (figures: Figures) => ({ ...figures, targets: judged(figures) });

const log = (line: string): void => console.log(line);

const benches: Record<string, Bench> = {
    journey: {
        says: 'from sign-in to paid, start times, memory at rest, script of a page',
        rounds: 20,
        builds: true,
        run: async (rounds) => {
            log('Starts (ms)');
            const starts = await measureStarts(log);
            log(`Steps, each ${rounds} times`);
            return withTargets({ rounds, starts, ...(await journey(rounds, log)) });
        }
    },
    steps: {
        says: 'the same without the start times',
        rounds: 20,
        builds: true,
        run: async (rounds) => withTargets({ rounds, ...(await journey(rounds, log)) })
    },
    starts: {
        says: 'start times of the stack, cold and warm, and of npm start',
        rounds: 1,
        builds: true,
        run: async () => withTargets({ starts: await measureStarts(log) })
    },
    audit: {
        says: 'what the audit trail costs a write, and how fast it is checked',
        rounds: 20,
        builds: false,
        run: (rounds) => audit(rounds, log)
    },
    trail: {
        says: 'how fast a page of a million records of the audit trail comes',
        rounds: 100,
        builds: false,
        run: (rounds) => trail(rounds, log)
    },
    auth: {
        says: 'what the limiter, the check of the session and signing in cost',
        rounds: 200,
        builds: true,
        run: (rounds) => auth(rounds, log)
    },
    stuffing: {
        says: '10,000 attempts over many logins and addresses: who gets in, and who is kept out',
        rounds: 50,
        builds: false,
        run: (rounds) => stuffing(rounds, log)
    },
    enumeration: {
        says: 'whether the gate’s answers tell who has a login: words, headers and time, by each way',
        rounds: 500,
        builds: false,
        run: (rounds) => enumeration(rounds, log)
    },
    watch: {
        says: 'whether time tells what another business has: a row, an account, a file',
        rounds: 500,
        builds: false,
        run: (rounds) => watch(rounds, log)
    },
    rls: {
        says: 'what row-level security costs among a million invoices',
        rounds: 300,
        builds: false,
        run: (rounds) => rls(rounds, log)
    }
};

async function build(): Promise<void> {
    const stateDir = aFolder();
    mkdirSync(join(stateDir, 'logs'));
    const processes = new Processes(join(stateDir, 'pids.json'));
    try {
        await buildIfChanged({ projectDir, stateDir, processes, log });
    } finally {
        processes.close();
        forget(stateDir);
    }
}

function help(): string {
    const width = Math.max(...Object.keys(benches).map((name) => name.length)) + 3;
    const names = Object.entries(benches).map(([name, { says }]) => `  ${name.padEnd(width)}${says}`);
    return ['npm run bench -- NAME [--rounds N]', '', ...names].join('\n');
}

const load = (): number[] => loadavg().map((value) => Math.round(value * 100) / 100);

async function main(): Promise<void> {
    const { values, positionals } = parseArgs({
        allowPositionals: true,
        options: { rounds: { type: 'string' } }
    });
    const [name = ''] = positionals;
    const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
    const rounds = Number(values.rounds ?? bench?.rounds);
    if (!bench || positionals.length > 1 || !Number.isInteger(rounds) || rounds < 1) {
        console.error(help());
        process.exitCode = 1;
        return;
    }
    if (bench.builds) await build();
    const machine = {
        cores: availableParallelism(),
        processor: cpus()[0]?.model ?? '',
        memory_gb: Math.round(totalmem() / 2 ** 30),
        node: process.version
    };
    const loadBefore = load();
    const began = Date.now();
    const { targets, ...figures } = await bench.run(rounds);
    log('Targets (for two cores and nothing else on them)');
    for (const { what, target, measured, met } of targets)
        log(`  ${met ? 'met   ' : 'MISSED'} ${what.padEnd(36)}${measured} of ${target}`);
    const seconds = Math.round((Date.now() - began) / 1000);
    log(
        JSON.stringify({
            bench: name,
            seconds,
            machine,
            load_average: { before: loadBefore, after: load() },
            ...figures,
            targets
        })
    );
}

await main();
