// `npm run bench -- NAME`: runs a benchmark. What a person reads comes first; the last line is one JSON object. Times are of
// this machine in this minute: compare figures of one run with each other, and runs of one machine side by side.
import { mkdirSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildIfChanged } from '../../local/build.ts';
import { Processes } from '../../local/processes.ts';
import { projectDir } from '../support/stack.ts';
import { journey } from './journey.ts';
import { aFolder, forget, measureStarts } from './starts.ts';
import { judged, type Figures } from './targets.ts';

type Bench = { says: string; run(rounds: number): Promise<Figures> };

const log = (line: string): void => console.log(line);

const benches: Record<string, Bench> = {
    journey: {
        says: 'from sign-in to paid, start times, memory at rest, script of a page',
        run: async (rounds) => {
            log('Starts (ms)');
            const starts = await measureStarts(log);
            log(`Steps, each ${rounds} times`);
            return { rounds, starts, ...(await journey(rounds, log)) };
        }
    },
    steps: {
        says: 'the same without the start times',
        run: async (rounds) => ({ rounds, ...(await journey(rounds, log)) })
    },
    starts: {
        says: 'start times of the stack, cold and warm, and of npm start',
        run: async () => ({ starts: await measureStarts(log) })
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
    return ['npm run bench -- NAME [--rounds 20]', '', ...names].join('\n');
}

const load = (): number[] => loadavg().map((value) => Math.round(value * 100) / 100);

async function main(): Promise<void> {
    const { values, positionals } = parseArgs({
        allowPositionals: true,
        options: { rounds: { type: 'string', default: '20' } }
    });
    const [name = ''] = positionals;
    const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
    const rounds = Number(values.rounds);
    if (!bench || positionals.length > 1 || !Number.isInteger(rounds) || rounds < 1) {
        console.error(help());
        process.exitCode = 1;
        return;
    }
    await build();
    const machine = {
        cores: availableParallelism(),
        processor: cpus()[0]?.model ?? '',
        memory_gb: Math.round(totalmem() / 2 ** 30),
        node: process.version
    };
    const loadBefore = load();
    const began = Date.now();
    const figures = await bench.run(rounds);
    const targets = judged(figures);
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
