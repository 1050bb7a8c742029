// `npm run test:mutation`: takes one rule after the other out of the database and the routes, and sees whether a test misses
// it. Options: --only KIND (more than once), --object NAME, --sample N, --seed S, --workers N, --verdicts FILE (each mutant
// with who killed it). The last line is one JSON object; exit 1 with a survivor, or an entry of equivalent.txt that does not
// hold.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { campaign } from './campaign.ts';
import { KINDS, nameOf } from './mutant.ts';
import type { Kind } from './mutant.ts';

const { values } = parseArgs({
    options: {
        only: { type: 'string', multiple: true },
        object: { type: 'string' },
        sample: { type: 'string' },
        seed: { type: 'string' },
        workers: { type: 'string' },
        verdicts: { type: 'string' }
    }
});

function kindsNamed(names: readonly string[] | undefined): Kind[] | undefined {
    return names?.map((name) => {
        const kind = KINDS.find((known) => known === name);
        if (!kind)
            throw new Error(`There is no kind of mutant called ${name}. There are: ${KINDS.join(', ')}.`);
        return kind;
    });
}

function numberOf(name: 'sample' | 'seed' | 'workers'): number | undefined {
    const text = values[name];
    if (text !== undefined && !/^\d+$/.test(text)) throw new Error(`--${name} wants a whole number.`);
    return text === undefined ? undefined : Number(text);
}

const began = Date.now();
const report = await campaign({
    only: kindsNamed(values.only),
    object: values.object,
    sample: numberOf('sample'),
    seed: numberOf('seed'),
    workers: numberOf('workers'),
    tell: (line) => {
        if (line !== '') console.log(line);
    }
});

const { total, killed, survivors, equivalent, by_kind, by_test, stale } = report;
if (values.verdicts)
    writeFileSync(
        values.verdicts,
        report.verdicts
            .map(({ mutant, killedBy, failure, milliseconds }) =>
                [Math.round(milliseconds), nameOf(mutant), killedBy ?? 'SURVIVES', failure ?? ''].join('\t')
            )
            .join('\n')
    );
for (const [test, count] of Object.entries(by_test).sort(([, a], [, b]) => b - a))
    console.log(`${String(count).padStart(6)} killed by ${test}`);
for (const survivor of survivors) console.log(`survives: ${nameOf(survivor)}`);
for (const entry of stale) console.log(`equivalent.txt: ${entry}`);
const seconds = Math.round((Date.now() - began) / 1000);
console.log(JSON.stringify({ total, killed, survivors, equivalent, seconds, by_kind }));
process.exitCode = survivors.length + stale.length === 0 ? 0 : 1;
