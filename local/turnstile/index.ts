/**
 * A stand-in for Cloudflare Turnstile: the script that shows the widget, the widget, and the server that judges its tokens
 * (siteverify), as they are published, with the keys for testing. Its widget asks for a tick, where the real one mostly
 * decides by itself; it tells no person from a program.
 *
 * What it has not is refused and never answered as if it were done: the interface that manages widgets, pre-clearance, the
 * appearances and executions other than the default ones.
 */
import { readFileSync } from 'node:fs';
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { widgetOf, DUMMY_TOKEN, type OwnWidget } from './keys.ts';
import { FRAME_HEADERS, framePage, STYLE } from './pages.ts';
import { createTokens } from './tokens.ts';

export type TurnstileDeps = { own: OwnWidget; clock: Clock; log: (line: string) => void };

const source = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');

const Challenge = z.object({
    sitekey: z.string(),
    hostname: z.string(),
    action: z.string().max(32).default(''),
    cdata: z.string().max(255).default('')
});

const Failure = z.object({
    status: z.number().int().min(400).max(599).default(503),
    times: z.number().int().min(0).max(1000).default(1)
});

/** Client-side error codes: unknown site key, page of another domain, challenge failed. */
const UNKNOWN_KEY = '400020';
const UNKNOWN_DOMAIN = '110200';
const CHALLENGE_FAILED = '300030';

/** Starts the stand-in. It keeps tokens in memory, as long as they are good, and logs none. */
export function createTurnstile({ own, clock, log }: TurnstileDeps) {
    const tokens = createTokens(own, clock);
    let failure = { status: 503, times: 0 };
    const app = new Hono();

    const script = (file: string) => (c: Context) =>
        c.body(source(file), 200, {
            'content-type': 'text/javascript; charset=utf-8',
            'cross-origin-resource-policy': 'cross-origin',
            'x-content-type-options': 'nosniff'
        });
    app.get('/turnstile/v0/api.js', script('api.js'));
    app.get('/turnstile/v0/widget.js', script('widget.js'));
    app.get('/turnstile/v0/widget.css', (c) =>
        c.body(STYLE, 200, {
            'content-type': 'text/css; charset=utf-8',
            'cross-origin-resource-policy': 'cross-origin'
        })
    );
    app.get('/turnstile/v0/widget', (c) => c.html(framePage(), 200, FRAME_HEADERS));
    app.get('/turnstile/v0/widgets/:key', (c) => {
        const { manner, isVisible } = widgetOf(c.req.param('key'), own) ?? {
            manner: 'passes',
            isVisible: true
        };
        return c.json({ manner, isVisible });
    });

    app.post('/turnstile/v0/challenge', async (c) => {
        const asked = Challenge.safeParse(await c.req.json().catch(() => null));
        if (!asked.success) return c.json({ code: CHALLENGE_FAILED }, 400);
        const { sitekey, ...solved } = asked.data;
        const widget = widgetOf(sitekey, own);
        if (widget === null) return c.json({ code: UNKNOWN_KEY }, 400);
        if (widget.manner === 'fails') return c.json({ code: CHALLENGE_FAILED }, 400);
        if (sitekey !== own.siteKey) return c.json({ token: DUMMY_TOKEN });
        if (!own.hostnames.includes(solved.hostname)) return c.json({ code: UNKNOWN_DOMAIN }, 400);
        return c.json({ token: tokens.issue(solved) });
    });

    app.post('/turnstile/v0/siteverify', async (c) => {
        if (failure.times > 0) {
            failure = { ...failure, times: failure.times - 1 };
            return c.text('The stand-in was told to fail.', failure.status as 503);
        }
        return c.json(tokens.verify(await questionIn(c)));
    });

    /** For tests: the next verdicts fail. The real service has no such thing. */
    app.post('/api/failure', async (c) => {
        const parsed = Failure.safeParse(await c.req.json().catch(() => null));
        if (!parsed.success) return c.text('Say {"status": 503, "times": 1}.', 422);
        failure = parsed.data;
        return c.json(failure);
    });

    app.all('*', (c) =>
        c.text(
            'The Turnstile stand-in has api.js, its widget and siteverify under /turnstile/v0, and nothing else.',
            404
        )
    );
    app.onError((error, c) => {
        log(`turnstile: ${error.message}`);
        return c.text('The Turnstile stand-in failed.', 500);
    });
    return { fetch: (request: Request) => app.fetch(request), close: async () => undefined };
}

/** What was asked, as JSON or as a form; undefined, which is a bad request, for anything else. */
async function questionIn(c: Context): Promise<unknown> {
    try {
        return /^application\/json\b/.test(c.req.header('content-type') ?? '')
            ? await c.req.json()
            : await c.req.parseBody();
    } catch {
        return undefined;
    }
}
