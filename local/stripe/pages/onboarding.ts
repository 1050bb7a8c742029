/** The hosted onboarding of a connected account, with the three ways it can end. */
import { html } from 'hono/html';
import type { Context } from 'hono';
import { findVisit, openLink } from '../account_links.ts';
import { merchantName, onboard } from '../accounts.ts';
import { STRIPE_ITSELF } from '../objects.ts';
import { ownForm, showNothing, showPage } from './layout.ts';
import type { World } from '../world.ts';

/** GET /setup/e/:account/:token. Uses the link up. */
export function startOnboarding(world: World, context: Context, token: string): Response | Promise<Response> {
    const next = openLink(world, token);
    return next === null ? showNothing(context) : context.redirect(next, 303);
}

/** GET /onboarding/:visit */
export function showOnboarding(world: World, context: Context, id: string): Response | Promise<Response> {
    const visit = findVisit(world, id);
    const account = visit && world.state.find('account', visit.account)?.shown;
    if (!visit || !account) return showNothing(context);
    if (visit.isOver) return context.redirect(visit.refreshUrl, 303);
    const name = merchantName(account);
    const state = account.charges_enabled
        ? 'This business can take card payments.'
        : account.details_submitted
          ? 'Stripe has the details and needs something more.'
          : 'This business cannot take card payments yet.';
    return showPage(context, {
        title: `Set up payments for ${name}`,
        leadsTo: [visit.returnUrl, visit.refreshUrl],
        main: html`<section class="panel">
            <h1>Set up payments for ${name}</h1>
            <dl>
                <dt>Business</dt>
                <dd>${name}</dd>
                <dt>Email</dt>
                <dd>${account.email ?? 'not given'}</dd>
                <dt>Account</dt>
                <dd>${account.id}</dd>
            </dl>
            <p>${state}</p>
            <p class="quiet-text">
                Stripe would now ask who you are and where payouts should go. Here you choose how that ends.
            </p>
            <form method="post">
                <button name="outcome" value="complete">Complete onboarding</button>
                <button name="outcome" value="more_information" class="quiet">
                    Stripe needs more information
                </button>
                <button name="outcome" value="unfinished" class="quiet">Leave it unfinished</button>
            </form>
        </section>`
    });
}

/** POST /onboarding/:visit */
export async function takeOnboarding(world: World, context: Context, id: string): Promise<Response> {
    const form = await ownForm(context);
    const visit = findVisit(world, id);
    const account = visit && world.state.find('account', visit.account)?.shown;
    if (!form || !visit || !account) return showNothing(context);
    if (visit.isOver) return context.redirect(visit.refreshUrl, 303);
    const outcome = form.get('outcome');
    if (outcome === 'complete' || outcome === 'more_information')
        onboard(world, account, outcome, STRIPE_ITSELF);
    return context.redirect(visit.returnUrl, 303);
}
