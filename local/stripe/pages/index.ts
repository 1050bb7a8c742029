/** The addresses of the hosted pages. */
import { bodyLimit } from 'hono/body-limit';
import type { Context, Hono } from 'hono';
import { showChallenge, takeChallenge } from './challenge.ts';
import { payCheckout, showCheckout } from './checkout.ts';
import { FAVICON, STYLE, showMessage, showNothing } from './layout.ts';
import { showOnboarding, startOnboarding, takeOnboarding } from './onboarding.ts';
import { showReceipt } from './receipt.ts';
import type { World } from '../world.ts';

const LARGEST_FORM = 64 * 1024;

export function mountPages(app: Hono, world: World): void {
    const limited = bodyLimit({ maxSize: LARGEST_FORM, onError: (context) => showNothing(context) });

    app.get('/c/pay/:id', (context) => showCheckout(world, context, context.req.param('id')));
    app.post('/c/pay/:id', limited, (context) => payCheckout(world, context, context.req.param('id')));

    const challenge = '/authenticate/:intent/:secret';
    app.get(challenge, (context) =>
        showChallenge(world, context, context.req.param('intent'), context.req.param('secret'))
    );
    app.post(challenge, limited, (context) =>
        takeChallenge(world, context, context.req.param('intent'), context.req.param('secret'))
    );

    app.get('/setup/e/:account/:token', (context) =>
        startOnboarding(world, context, context.req.param('token'))
    );
    app.get('/onboarding/:visit', (context) => showOnboarding(world, context, context.req.param('visit')));
    app.post('/onboarding/:visit', limited, (context) =>
        takeOnboarding(world, context, context.req.param('visit'))
    );

    app.get('/receipts/:token', (context) => showReceipt(world, context, context.req.param('token')));

    app.get('/', (context) =>
        showMessage(context, {
            title: 'A stand-in for Stripe',
            text: 'This address answers like Stripe’s API, with hosted pages to pay and to onboard. People come here from an invoice or from their payment settings.'
        })
    );
    app.get('/stand-in.css', (context) => asset(context, 'text/css; charset=utf-8', STYLE));
    app.get('/favicon.svg', (context) => asset(context, 'image/svg+xml', FAVICON));
    app.notFound((context) => showNothing(context));
    app.onError((problem, context) => {
        world.log(`${context.req.method} ${context.req.path} failed: ${problem.stack ?? problem.message}`);
        return context.text('Something went wrong in the stand-in for Stripe; its log says what.', 500);
    });
}

function asset(context: Context, type: string, content: string): Response {
    return context.body(content, 200, {
        'content-type': type,
        'cache-control': 'max-age=3600',
        'x-content-type-options': 'nosniff'
    });
}
