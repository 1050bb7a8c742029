/** The receipt behind a charge's `receipt_url`. */
import { html } from 'hono/html';
import type { Context } from 'hono';
import { merchantName } from '../accounts.ts';
import { inWords } from '../money.ts';
import { follow } from '../world.ts';
import { showNothing, showPage } from './layout.ts';
import type { World } from '../world.ts';

/** GET /receipts/:token */
export function showReceipt(world: World, context: Context, token: string): Response | Promise<Response> {
    const [kept] = world.state.select('charge', {
        where: { receipt_url: `${world.publicUrl}/receipts/${token}` },
        limit: 1
    });
    if (!kept) return showNothing(context);
    const { shown: charge, account } = kept;
    const merchant = merchantName(follow(world, 'account', account));
    const card = charge.payment_method_details?.card;
    return showPage(context, {
        title: `Receipt from ${merchant}`,
        main: html`<section class="panel">
            <h1>Receipt from ${merchant}</h1>
            <p class="amount">${inWords(charge.amount, charge.currency)}</p>
            <dl>
                <dt>Paid</dt>
                <dd>${new Date(charge.created * 1000).toLocaleDateString('en-GB', { dateStyle: 'long' })}</dd>
                <dt>Card</dt>
                <dd>${card?.brand} ending ${card?.last4}</dd>
                ${
                    charge.amount_refunded > 0
                        ? html`<dt>Refunded</dt>
                              <dd>${inWords(charge.amount_refunded, charge.currency)}</dd>`
                        : ''
                }
            </dl>
        </section>`
    });
}
