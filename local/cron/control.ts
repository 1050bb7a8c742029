// A door for tests and developers: moves the stack's clock, waits for its workers, and keeps what is dropped here.

import { Hono } from 'hono';
import { z } from 'zod';
import type { MovableClock } from '../clock.ts';
import type { DropBox } from '../drops.ts';
import type { Worker } from './worker.ts';

const Move = z.object({ advance_seconds: z.number().finite() });

export type ControlOptions = { clock: MovableClock; worker: Worker; drops: DropBox };

export function createControl({ clock, worker, drops }: ControlOptions): Hono {
    const app = new Hono();
    // A page in the developer's browser may not turn these knobs.
    app.use(async (context, next) => {
        if (context.req.header('origin') || context.req.header('sec-fetch-site'))
            return context.json({ message: 'Not for browsers.' }, 403);
        return next();
    });
    const read = () => ({ now: clock.now().toISOString(), offset_seconds: clock.offset() / 1000 });

    app.get('/clock', (context) => context.json(read()));
    app.post('/clock', async (context) => {
        const move = Move.safeParse(await context.req.json().catch(() => undefined));
        if (!move.success) return context.json({ message: 'Send {"advance_seconds": number}.' }, 400);
        // A job scheduled a moment ago is planned from the time it was scheduled at.
        await worker.jobs.reload();
        clock.advance(move.data.advance_seconds);
        if (move.data.advance_seconds < 0) worker.jobs.restart();
        return context.json(read());
    });
    app.post('/clock/reset', (context) => {
        clock.reset();
        worker.jobs.restart();
        return context.json(read());
    });
    app.post('/cron/tick', async (context) => {
        await worker.jobs.tick();
        return context.json(read());
    });
    app.post('/net/drain', async (context) => {
        await worker.requests.drain();
        return context.json(read());
    });
    app.post('/drop/:name', async (context) => {
        try {
            const kept = await drops.keep(context.req.param('name'), await context.req.text());
            if (kept) return context.body(null, 204);
            return context.json({ message: 'Send JSON to a name of letters, digits, - and _.' }, 400);
        } catch (error) {
            return context.json({ message: `It could not be kept: ${(error as Error).message}` }, 507);
        }
    });
    app.notFound((context) => context.json({ message: 'Unknown: see local/cron/control.ts.' }, 404));
    return app;
}
