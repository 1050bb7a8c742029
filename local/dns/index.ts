/**
 * A resolver that answers DNS over HTTPS in JSON, as the large public ones do (`?name=…&type=TXT`, application/dns-json), out of
 * records that somebody has put on its page. It knows no other names and asks nobody.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import { recordsPage, SECURITY_HEADERS, STYLE } from './pages.ts';

export type DnsServer = { fetch(request: Request): Response | Promise<Response>; close(): Promise<void> };

export type DnsDeps = {
    /** Where the records are kept. */
    stateFile: string;
};

const TXT = 16;
const NO_ERROR = 0;
const NO_SUCH_NAME = 3;
const LIFE_S = 60;

const Name = z
    .string()
    .trim()
    .toLowerCase()
    .transform((name) => name.replace(/\.$/, ''))
    .pipe(
        z
            .string()
            .max(253)
            .regex(/^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/)
    );
const TYPES = { A: 1, TXT, AAAA: 28 } as const;
const Record = z.object({
    name: Name,
    value: z.string().trim().min(1).max(1000),
    type: z.enum(['TXT', 'A', 'AAAA']).default('TXT')
});
type Record = z.output<typeof Record>;

/** Builds the resolver with the records of its file. */
export async function createDns({ stateFile }: DnsDeps): Promise<DnsServer> {
    let records = await readRecords(stateFile);
    let writing: Promise<void> = Promise.resolve();
    const keep = (changed: readonly Record[]) => {
        records = [...changed];
        // One write after the other, each replacing the file whole.
        writing = writing.then(() => writeWhole(stateFile, JSON.stringify(changed, null, 4)));
        return writing;
    };
    const isSame = (one: Record, other: Record) =>
        one.name === other.name && one.value === other.value && one.type === other.type;
    const say = (c: Context, problem?: string) =>
        c.html(recordsPage(records, problem), problem ? 400 : 200, SECURITY_HEADERS);
    const routes = new Hono();

    routes.get('/dns-query', (c) => {
        const name = Name.safeParse(c.req.query('name'));
        if (!name.success) return c.json({ error: 'Invalid name' }, 400);
        const type = c.req.query('type')?.toUpperCase() ?? 'A';
        const here = records.filter((record) => record.name === name.data);
        const answers = here.filter((record) => [record.type, String(TYPES[record.type])].includes(type));
        const body = {
            Status: here.length > 0 ? NO_ERROR : NO_SUCH_NAME,
            TC: false,
            RD: true,
            RA: true,
            AD: false,
            CD: false,
            Question: [{ name: name.data, type: answers[0] ? TYPES[answers[0].type] : TXT }],
            ...(answers.length > 0
                ? {
                      Answer: answers.map((record) => ({
                          name: name.data,
                          type: TYPES[record.type],
                          TTL: LIFE_S,
                          data: record.type === 'TXT' ? quoted(record.value) : record.value
                      }))
                  }
                : {})
        };
        return c.body(JSON.stringify(body), 200, { 'content-type': 'application/dns-json' });
    });

    routes.get('/', (c) => say(c));

    routes.post('/records', async (c) => {
        const record = Record.safeParse(await c.req.parseBody());
        if (!record.success)
            return say(c, 'Give a name such as _tradersflow.example.co.uk, and what the record says.');
        await keep([...records.filter((one) => !isSame(one, record.data)), record.data]);
        return c.redirect('/', 303);
    });

    routes.post('/records/remove', async (c) => {
        const record = Record.safeParse(await c.req.parseBody());
        if (!record.success) return say(c, 'There is no such record.');
        await keep(records.filter((one) => !isSame(one, record.data)));
        return c.redirect('/', 303);
    });

    routes.get('/page.css', (c) => c.body(STYLE, 200, { 'content-type': 'text/css; charset=utf-8' }));

    return { fetch: (request) => routes.fetch(request), close: () => writing };
}

/** Character-strings of at most 255 bytes, each in quotes (RFC 1035, 3.3.14 and 5.1). */
function quoted(value: string): string {
    return (value.match(/.{1,255}/gs) ?? [])
        .map((part) => `"${part.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)
        .join(' ');
}

async function readRecords(file: string): Promise<Record[]> {
    try {
        return z.array(Record).parse(JSON.parse(await readFile(file, 'utf8')));
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
    }
}

async function writeWhole(file: string, text: string): Promise<void> {
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
}
