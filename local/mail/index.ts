// A stand-in for the mail provider: Resend's interface for sending, an inbox page for people, JSON for tests. Nothing
// that is sent here leaves the machine.
import { EventEmitter } from 'node:events';
import { Hono } from 'hono';
import { controlRoutes, type Arrivals } from './control.ts';
import { emailRoutes } from './emails.ts';
import { MailError, refusal } from './errors.ts';
import { inboxRoutes } from './inbox.ts';
import { mailStore } from './store.ts';

export type MailDeps = {
    /** The SQLite file that keeps the messages. */
    stateFile: string;
    /** The bearer key that senders show. */
    apiKey: string;
    clock: { now(): Date };
    log: (line: string) => void;
};

/** What the provider has beside sending, and the stand-in has not. */
const elsewhere =
    /^\/(api-keys|audiences|automations|broadcasts|contact-properties|contacts|domains|events|logs|segments|templates|topics|webhooks)(\/|$)/;

/** Starts the stand-in. `close` gives up the state file; waiting requests should have been ended before. */
export async function createMail(deps: MailDeps) {
    const store = mailStore(deps.stateFile, deps.clock);
    const arrivals: Arrivals = new EventEmitter();
    // One listener per waiting test: any number is fine.
    arrivals.setMaxListeners(0);

    const app = new Hono();
    app.onError((error) => {
        if (!(error instanceof MailError)) deps.log(`mail: ${error.stack ?? String(error)}`);
        const refused =
            error instanceof MailError
                ? error
                : refusal('internal_server_error', 'The mail stand-in failed.');
        const { statusCode, name, message } = refused;
        const headers = statusCode === 429 ? { 'retry-after': '1', 'ratelimit-remaining': '0' } : undefined;
        return Response.json({ statusCode, name, message }, { status: statusCode, headers });
    });
    app.notFound((c) => {
        throw elsewhere.test(c.req.path)
            ? refusal(
                  'not_implemented',
                  `The mail stand-in sends mail and has no ${c.req.path.split('/')[1]}.`
              )
            : refusal('not_found', 'The requested endpoint does not exist');
    });
    app.route(
        '/emails',
        emailRoutes(store, deps.apiKey, () => arrivals.emit('message'))
    );
    app.route('/api', controlRoutes(store, arrivals));
    app.route('/', inboxRoutes(store));

    return { fetch: (request: Request) => app.fetch(request), close: async () => store.close() };
}
