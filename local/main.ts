// `npm run stack`: only the stack, for tools and tests. With --json it prints one JSON object of URLs and
// keys; it serves until it is stopped.

import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { whenAskedToEnd } from './lifetime.ts';
import { ANY_PORTS } from './ports.ts';
import { startStack } from './stack.ts';

const { values } = parseArgs({
    options: {
        json: { type: 'boolean', default: false },
        project: { type: 'string', default: process.cwd() },
        state: { type: 'string' },
        'any-ports': { type: 'boolean', default: false },
        'app-port': { type: 'string' },
        'no-migrate': { type: 'boolean', default: false },
        'no-seed': { type: 'boolean', default: false },
        'throw-away': { type: 'boolean', default: false }
    }
});

const projectDir = resolve(values.project);
const starting = startStack({
    projectDir,
    stateDir: values.state ? resolve(values.state) : join(projectDir, '.local'),
    ports: values['any-ports'] ? ANY_PORTS : {},
    appPort: values['app-port'] ? Number(values['app-port']) : undefined,
    durable: !values['throw-away'],
    migrate: !values['no-migrate'],
    seed: !values['no-seed'] && !values['no-migrate'],
    log: (line) => console.error(line)
});
// Asked while it starts, it finishes starting first, so that nothing half-way is left.
whenAskedToEnd(() => {
    const stopped = starting.then((stack) => stack.stop()).catch(() => undefined);
    void stopped.then(() => process.exit(0));
});
const stack = await starting.catch((error: Error) => {
    console.error(error.message);
    process.exit(1);
});

if (values.json) console.log(JSON.stringify(stack.info));
else
    console.log(
        [
            '',
            `API        ${stack.info.apiUrl}`,
            `Inbox      ${stack.info.inboxUrl}`,
            `Database   ${stack.info.databaseUrl}`,
            '',
            'Ctrl-C stops it.'
        ].join('\n')
    );
