/**
 * Connects a business with its own Stripe account, into which its customers pay directly.
 *
 * POST, with the person's token, who needs the permission `payouts.manage`
 * - `{account_id, action: 'onboard'}` → `{url}`, Stripe's onboarding page (single use, so go there at once); asks for a
 *   fresh proof of who the person is
 * - `{account_id, action: 'refresh'}` → `{charges_enabled, payouts_enabled, details_submitted, disabled_reason}`
 *   as Stripe holds them now, saved too
 *
 * Problems: `sign_in_required` 401, `not_allowed` and `fresh_proof_needed` 403, `not_found` 404 (also: not a member),
 * `payments_not_set_up` 409 (refresh before onboard), `stripe_unavailable` 503.
 */
import { z } from 'npm:zod@4.6.7';
import { contextOf, requirePerson } from '../_shared/caller.ts';
import { clientOf, dataOf } from '../_shared/person.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, readJson } from '../_shared/request.ts';
import { serve } from '../_shared/serve.ts';
import { callService, type Act } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import { askStripe, stripe } from '../_shared/stripe.ts';
import { accountFields, type AccountFields } from '../_shared/stripe-fields.ts';

const { APP_ORIGIN } = readSettings('APP_ORIGIN');

const Body = z.strictObject({ account_id: z.guid(), action: z.enum(['onboard', 'refresh']) });

const Me = z.object({ accounts: z.array(z.object({ id: z.string(), permissions: z.array(z.string()) })) });
const Asking = z.object({ name: z.string(), email: z.string().nullable() });
const Connected = z.object({ stripe_account_id: z.string() }).nullable();

type Business = { readonly id: string; readonly name: string; readonly email: string | null };

serve('connect', async (call) => {
    allowMethods(call.request, 'POST');
    const person = requirePerson(call.request);
    const { account_id, action } = await readJson(call.request, Body);
    const context = await contextOf(call);
    const client = await clientOf(person, call, context);
    const act: Act = { actor: person.userId, requestId: call.requestId, context };
    // The database decides, as the person: whether they may, and, before anything changes, whether it is them right now.
    if (action === 'refresh') {
        await requirePayouts(client, account_id);
        const connected = await callService(act, 'connected_account', { account_id }, Connected);
        if (connected === null) {
            throw new Problem('payments_not_set_up');
        }
        return Response.json(await refresh(act, account_id, connected.stripe_account_id));
    }
    const asking = Asking.parse(dataOf(await client.rpc('start_payouts', { account_id })));
    const connected = await callService(act, 'connected_account', { account_id }, Connected);
    const stripeAccountId =
        connected?.stripe_account_id ?? (await createAccount(act, { id: account_id, ...asking }));
    return Response.json({ url: await onboardingUrl(stripeAccountId) });
});

async function requirePayouts(
    client: Awaited<ReturnType<typeof clientOf>>,
    accountId: string
): Promise<void> {
    const me = Me.parse(dataOf(await client.rpc('me')));
    const account = me.accounts.find(({ id }) => id === accountId);
    if (account === undefined) {
        throw new Problem('not_found');
    }
    if (!account.permissions.includes('payouts.manage')) {
        throw new Problem('not_allowed');
    }
}

async function refresh(act: Act, accountId: string, stripeAccountId: string): Promise<AccountFields> {
    const fields = accountFields(await askStripe(() => stripe.accounts.retrieve(stripeAccountId)));
    await save(act, accountId, stripeAccountId, fields);
    return fields;
}

/**
 * With direct charges the trader is the merchant: Stripe bills them, bears their negative balance, collects
 * what it must know of them and gives them its full dashboard, where disputes can be answered
 * (docs.stripe.com/connect/integration-recommendations). The business's id as idempotency key: tapping twice,
 * or failing between Stripe and our database, makes one Stripe account.
 */
async function createAccount(act: Act, business: Business): Promise<string> {
    const created = await askStripe(() =>
        stripe.accounts.create(
            {
                controller: {
                    fees: { payer: 'account' },
                    losses: { payments: 'stripe' },
                    requirement_collection: 'stripe',
                    stripe_dashboard: { type: 'full' }
                },
                country: 'GB',
                ...(business.email === null ? {} : { email: business.email }),
                business_profile: { name: business.name },
                capabilities: { card_payments: { requested: true }, transfers: { requested: true } },
                metadata: { account_id: business.id }
            },
            { idempotencyKey: `connect-${business.id}` }
        )
    );
    await save(act, business.id, created.id, accountFields(created));
    return created.id;
}

async function onboardingUrl(stripeAccountId: string): Promise<string> {
    const link = await askStripe(() =>
        stripe.accountLinks.create({
            account: stripeAccountId,
            type: 'account_onboarding',
            return_url: `${APP_ORIGIN}/more/payouts?back=stripe`,
            refresh_url: `${APP_ORIGIN}/more/payouts?again`
        })
    );
    return link.url;
}

async function save(
    act: Act,
    accountId: string,
    stripeAccountId: string,
    fields: AccountFields
): Promise<void> {
    const args = { account_id: accountId, stripe_account_id: stripeAccountId, ...fields };
    await callService(act, 'save_connected_account', args, z.unknown());
}
