/**
 * A stand-in for Stripe: the API that stripe-node speaks, hosted Checkout and onboarding pages, signed webhooks.
 * It keeps to Stripe's own published interface and knows nothing of the application that uses it. What it cannot
 * do it refuses as Stripe refuses what it does not know.
 */
import { Hono } from 'hono';
import { accountLinkRoutes } from './account_links.ts';
import { accountRoutes, platformAccount } from './accounts.ts';
import { mountApi } from './api.ts';
import { applicationFeeRoutes } from './application_fees.ts';
import { balanceRoutes } from './balance.ts';
import { chargeRoutes } from './charges.ts';
import { checkoutSessionRoutes } from './checkout_sessions.ts';
import { Deliveries } from './deliveries.ts';
import { runErrands } from './errands.ts';
import { eventRoutes } from './events.ts';
import { newId } from './objects.ts';
import { mountPages } from './pages/index.ts';
import { paymentIntentRoutes } from './payment_intents.ts';
import { refundRoutes } from './refunds.ts';
import { RequestLog } from './request_log.ts';
import { standInControls } from './stand_in.ts';
import { State } from './state.ts';
import { setUpEndpoints, webhookEndpointRoutes } from './webhook_endpoints.ts';
import type { Clock } from '../clock.ts';
import type { StartupEndpoint } from './webhook_endpoints.ts';
import type { World } from './world.ts';

export type StripeDeps = {
    /** The SQLite file; made if it is not there. */
    stateFile: string;
    /** Where browsers and clients reach the stand-in, e.g. `http://127.0.0.1:54330`. */
    publicUrl: string;
    /** The platform's secret key, `sk_test_…`. */
    secretKey: string;
    clock: Clock;
    webhookEndpoints: readonly StartupEndpoint[];
    log: (line: string) => void;
};

export type StripeStandIn = {
    fetch: (request: Request) => Response | Promise<Response>;
    /** Stops sending and closes the file; what is still owed is sent after the next start. */
    close(): Promise<void>;
};

/** How often the clock is looked at: it may be moved at any time, so no timer can wait for a moment. */
const LOOK_EVERY_MS = 250;

/**
 * Opens the stand-in on its state.
 * @throws Error when the state file was written by another version.
 */
export async function createStripe(deps: StripeDeps): Promise<StripeStandIn> {
    const state = new State(deps.stateFile);
    const world: World = {
        state,
        clock: deps.clock,
        publicUrl: deps.publicUrl.replace(/\/+$/, ''),
        platform: platformId(state, deps.clock),
        log: deps.log,
        wake: () => setImmediate(look)
    };
    const deliveries = new Deliveries(world);
    const requests = new RequestLog(state);
    const slowness = { milliseconds: 0, requests: 0 };
    let isOpen = true;

    moveTo(world);
    tidy(world);
    setUpEndpoints(world, deps.webhookEndpoints);

    const app = new Hono();
    // Whoever asks sees what the clock says: nothing that is over still looks open.
    app.use(async (_context, next) => {
        look();
        await next();
    });
    mountApi(app, world, {
        secretKey: deps.secretKey,
        requests,
        slowness,
        routes: [
            ...accountRoutes(world),
            ...accountLinkRoutes(world),
            ...checkoutSessionRoutes(world),
            ...paymentIntentRoutes(world),
            ...chargeRoutes(world),
            ...refundRoutes(world),
            ...balanceRoutes(world),
            ...applicationFeeRoutes(world),
            ...eventRoutes(world),
            ...webhookEndpointRoutes(world)
        ]
    });
    app.route(
        '/_stand_in',
        standInControls(world, { secretKey: deps.secretKey, deliveries, requests, slowness })
    );
    mountPages(app, world);

    const timer = setInterval(look, LOOK_EVERY_MS);
    look();

    /** Does whatever is due by now. */
    function look(): void {
        if (!isOpen) return;
        try {
            runErrands(world);
            deliveries.pump();
        } catch (problem) {
            deps.log(
                `the stand-in for Stripe stumbled: ${problem instanceof Error ? problem.stack : String(problem)}`
            );
        }
    }

    return {
        fetch: (request) => app.fetch(request),
        async close() {
            if (!isOpen) return;
            isOpen = false;
            clearInterval(timer);
            await deliveries.close();
            requests.close();
            state.close();
        }
    };
}

/** The platform's own account comes into being with the file. */
function platformId(state: State, clock: Clock): string {
    return state.transaction(() =>
        state.fact('platform', () => {
            const id = newId('acct_1', 15);
            state.insert('account', 'own', platformAccount({ clock }, id), { platform: true });
            return id;
        })
    );
}

/** After a start on another port, the addresses written before point to the new one. */
function moveTo(world: World): void {
    world.state.transaction(() => {
        const before = world.state.fact('public_url', () => world.publicUrl);
        if (before === world.publicUrl) return;
        world.state.run(
            `update objects set shown = replace(shown, ?, ?) where kind in ('checkout.session', 'charge', 'payment_intent')`,
            `"${before}/`,
            `"${world.publicUrl}/`
        );
        world.state.setFact('public_url', world.publicUrl);
    });
}

/** Forgets what Stripe forgets too: answers to idempotency keys after days, events after a month. */
function tidy({ state, clock }: World): void {
    const day = 24 * 60 * 60 * 1000;
    const now = clock.now().getTime();
    const events = `select id from objects where kind = 'event' and json_extract(shown, '$.created') < ?`;
    const monthAgo = Math.floor((now - 30 * day) / 1000);
    state.transaction(() => {
        state.run('delete from answers where at < ?', now - 2 * day);
        state.run(`delete from deliveries where event in (${events})`, monthAgo);
        state.run(`delete from objects where id in (${events})`, monthAgo);
    });
}
