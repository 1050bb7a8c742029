/**
 * A stand-in for the range lookup of known passwords (Have I Been Pwned, "Pwned Passwords", version 3): whoever asks says
 * the first five hex digits of a password's SHA-1 and gets every known rest under them, so that nobody learns the
 * password. It knows a handful of famous ones; the rest of each answer is filled as the real one's is full.
 *
 * What it has not, the NTLM list and everything outside the range lookup, is refused and never answered with a list.
 */
import { createHash, randomInt } from 'node:crypto';
import { Hono } from 'hono';
import { z } from 'zod';

export type PasswordsDeps = { log: (line: string) => void };

/** Famous enough to be on the real list too, so that the same tests pass there. */
const KNOWN: readonly string[] = [
    'password',
    '123456',
    'P@ssw0rd',
    'correcthorsebatterystaple',
    'correct horse battery staple',
    'thequickbrownfoxjumpsoverthelazydog',
    'supercalifragilisticexpialidocious'
];
const SEEN_TIMES = 137;

/** A real range holds several hundred; with padding the answer is filled to between 800 and 1,000 lines. */
const IN_A_RANGE = 640;
const PADDED = { least: 800, most: 1000 } as const;

const PREFIX_LENGTH = 5;
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex').toUpperCase();

const Failure = z.object({
    status: z.number().int().min(400).max(599).default(503),
    times: z.number().int().min(0).max(1000).default(1)
});

/** Starts the stand-in. It keeps nothing, and logs no prefix. */
export function createPasswords({ log }: PasswordsDeps) {
    const known = new Set(KNOWN.map(sha1));
    let failure = { status: 503, times: 0 };
    const app = new Hono();

    app.get('/range/:prefix', (c) => {
        if (failure.times > 0) {
            failure = { ...failure, times: failure.times - 1 };
            return c.text('The stand-in was told to fail.', failure.status as 503);
        }
        if (!c.req.header('user-agent')) return c.text('The request must carry a user agent.', 403);
        const mode = c.req.query('mode');
        if (mode !== undefined) return c.text(`The passwords stand-in has no mode "${mode}".`, 501);
        const prefix = c.req.param('prefix').toUpperCase();
        if (!/^[0-9A-F]{5}$/.test(prefix)) return c.text('The hash prefix was not in a valid format', 400);
        const lines = linesUnder(prefix, known);
        if (c.req.header('add-padding') === 'true') pad(lines);
        return c.text(lines.sort().join('\r\n'), 200, { 'cache-control': 'public, max-age=2678400' });
    });

    /** For tests: the next calls fail. The real service has no such thing. */
    app.post('/api/failure', async (c) => {
        const parsed = Failure.safeParse(await c.req.json().catch(() => null));
        if (!parsed.success) return c.text('Say {"status": 503, "times": 1}.', 422);
        failure = parsed.data;
        return c.json(failure);
    });

    app.all('*', (c) => c.text('The passwords stand-in has the range lookup and nothing else.', 404));
    app.onError((error, c) => {
        log(`passwords: ${error.message}`);
        return c.text('The passwords stand-in failed.', 500);
    });
    return { fetch: (request: Request) => app.fetch(request), close: async () => undefined };
}

function linesUnder(prefix: string, known: ReadonlySet<string>): string[] {
    const famous = [...known]
        .filter((hash) => hash.startsWith(prefix))
        .map((hash) => `${hash.slice(PREFIX_LENGTH)}:${SEEN_TIMES}`);
    // The same at each call: they belong to passwords that nobody will ever find.
    const others = Array.from({ length: IN_A_RANGE }, (_, n) => {
        const hash = sha1(`${prefix} ${n}`);
        return `${hash.slice(PREFIX_LENGTH)}:${1 + (Number.parseInt(hash.slice(0, 2), 16) % 40)}`;
    });
    return [...famous, ...others];
}

/** Lines that were seen no time, so that the length of an answer tells nothing. */
function pad(lines: string[]): void {
    const length = randomInt(PADDED.least, PADDED.most + 1);
    while (lines.length < length) lines.push(`${sha1(String(randomInt(2 ** 47))).slice(PREFIX_LENGTH)}:0`);
}
