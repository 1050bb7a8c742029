/** Connected accounts: opened by the platform, made able to take money by their owner's onboarding. */
import type Stripe from 'stripe';
import { faults } from './errors.ts';
import { announce } from './events.ts';
import { page } from './lists.ts';
import { newId } from './objects.ts';
import {
    address,
    created,
    currency,
    email,
    flag,
    group,
    mergedMetadata,
    metadata,
    oneOf,
    paging,
    parameters,
    text
} from './parameters.ts';
import { route } from './routes.ts';
import { seconds } from './world.ts';
import type { Cause, Shown } from './objects.ts';
import type { Call, Route } from './routes.ts';
import type { World } from './world.ts';

type Account = Shown<'account'>;
type Requirements = Stripe.Account.Requirements;

/** What a new account still owes Stripe before it may take money. */
const DUE_AT_FIRST = [
    'business_profile.url',
    'business_type',
    'external_account',
    'representative.first_name',
    'representative.last_name',
    'tos_acceptance.date',
    'tos_acceptance.ip'
];

const profile = group({
    name: text().optional(),
    mcc: text(4).optional(),
    product_description: text().optional(),
    support_email: email().optional(),
    support_phone: text(40).optional(),
    support_url: address().optional(),
    url: address().optional()
});

const capability = group({ requested: flag().optional() }).optional();

const shared = {
    business_profile: profile.optional(),
    business_type: oneOf(['company', 'government_entity', 'individual', 'non_profit']).optional(),
    capabilities: group({ card_payments: capability, transfers: capability }).optional(),
    default_currency: currency().optional(),
    email: email().optional(),
    metadata: metadata().optional()
};

const controller = group({
    fees: group({ payer: oneOf(['account', 'application']).optional() }).optional(),
    losses: group({ payments: oneOf(['application', 'stripe']).optional() }).optional(),
    requirement_collection: oneOf(['application', 'stripe']).optional(),
    stripe_dashboard: group({ type: oneOf(['express', 'full', 'none']).optional() }).optional()
});

/** The platform's own account, which its secret key stands for. It can take money from the first day. */
export function platformAccount(world: Pick<World, 'clock'>, id: string): Account {
    const account = blankAccount(id, Math.floor(world.clock.now().getTime() / 1000));
    return {
        ...account,
        ...abilities(true, true),
        business_profile: { ...blankProfile(), name: 'Platform' },
        details_submitted: true,
        email: 'platform@example.com',
        type: 'standard'
    };
}

/** Every field of an account that owes everything and may do nothing. */
function blankAccount(id: string, at: number): Account {
    return {
        id,
        object: 'account',
        business_profile: blankProfile(),
        business_type: null,
        capabilities: {},
        charges_enabled: false,
        controller: { type: 'account' },
        country: 'GB',
        created: at,
        default_currency: 'gbp',
        details_submitted: false,
        email: null,
        external_accounts: wholeExternalAccounts(id),
        future_requirements: requirements([], null),
        metadata: {},
        payouts_enabled: false,
        requirements: requirements([], null),
        settings: {
            branding: { icon: null, logo: null, primary_color: null, secondary_color: null },
            card_payments: {
                statement_descriptor_prefix: null,
                statement_descriptor_prefix_kana: null,
                statement_descriptor_prefix_kanji: null
            },
            dashboard: { display_name: null, timezone: 'Europe/London' },
            payments: {
                statement_descriptor: null,
                statement_descriptor_kana: null,
                statement_descriptor_kanji: null,
                statement_descriptor_prefix_kana: null,
                statement_descriptor_prefix_kanji: null
            }
        },
        tos_acceptance: { date: null, ip: null, user_agent: null },
        type: 'none'
    };
}

function wholeExternalAccounts(id: string): NonNullable<Account['external_accounts']> {
    return { object: 'list', data: [], has_more: false, url: `/v1/accounts/${id}/external_accounts` };
}

function blankProfile(): Stripe.Account.BusinessProfile {
    return {
        mcc: null,
        minority_owned_business_designation: null,
        name: null,
        product_description: null,
        specified_commercial_transactions_act_url: null,
        support_address: null,
        support_email: null,
        support_phone: null,
        support_url: null,
        url: null
    };
}

function requirements(due: string[], disabled: Requirements['disabled_reason']): Requirements {
    return {
        alternatives: [],
        current_deadline: null,
        currently_due: due,
        disabled_reason: disabled,
        errors: [],
        eventually_due: due,
        past_due: disabled === 'requirements.past_due' ? due : [],
        pending_verification: []
    };
}

function abilities(charges: boolean, payouts: boolean): Pick<Account, 'charges_enabled' | 'payouts_enabled'> {
    return { charges_enabled: charges, payouts_enabled: payouts };
}

/** The name a payer reads on the hosted pages. */
export function merchantName(account: Account): string {
    return (
        account.business_profile?.name ??
        account.settings?.dashboard.display_name ??
        'A business without a name'
    );
}

/**
 * The connected account with this id.
 * @throws StripeFault 403 account_invalid for an id that is none of the platform's accounts.
 */
export function needAccount(world: World, call: Call, id: string): Account {
    const kept = world.state.find('account', id);
    const isReachable = call.account === world.platform || id === call.account;
    if (!kept || !isReachable) throw faults.noAccessToAccount('sk_test_', id);
    return kept.shown;
}

/** Writes an account and tells the platform what changed; says nothing when nothing did. */
export function changeAccount(
    world: World,
    before: Account,
    change: Partial<Account>,
    cause: Cause
): Account {
    const after: Account = { ...before, ...change };
    const changed = Object.keys(change).filter(
        (name) =>
            JSON.stringify(before[name as keyof Account]) !== JSON.stringify(after[name as keyof Account])
    );
    if (changed.length === 0) return before;
    const previous = Object.fromEntries(changed.map((name) => [name, before[name as keyof Account]]));
    world.state.save('account', after);
    announce(world, after.id, 'account.updated', after, cause, previous);
    return after;
}

/** How an onboarding visit ended. */
export type Onboarding = 'complete' | 'more_information';

/**
 * What the owner's answers do to an account. Complete comes in three steps, as at Stripe: details are in, then
 * charges open, then payouts; each is an `account.updated` of its own.
 */
export function onboard(world: World, account: Account, outcome: Onboarding, cause: Cause): void {
    world.state.transaction(() => {
        const submitted = changeAccount(
            world,
            account,
            {
                details_submitted: true,
                business_type: account.business_type ?? 'individual',
                tos_acceptance: { date: seconds(world), ip: null, user_agent: null },
                ...(outcome === 'complete'
                    ? {
                          requirements: {
                              ...requirements([], null),
                              pending_verification: ['individual.verification.document']
                          }
                      }
                    : {
                          ...abilities(false, false),
                          requirements: requirements(
                              ['individual.verification.document'],
                              'requirements.past_due'
                          ),
                          capabilities: withStatus(account, 'inactive')
                      })
            },
            cause
        );
        if (outcome !== 'complete') return;
        const charging = changeAccount(
            world,
            submitted,
            {
                charges_enabled: true,
                requirements: requirements([], null),
                capabilities: withStatus(submitted, 'active')
            },
            cause
        );
        changeAccount(world, charging, { payouts_enabled: true }, cause);
    });
}

function withStatus(account: Account, status: 'active' | 'inactive'): NonNullable<Account['capabilities']> {
    const asked = Object.keys(account.capabilities ?? {});
    const names = asked.length > 0 ? asked : ['card_payments', 'transfers'];
    return Object.fromEntries(names.map((name) => [name, status]));
}

export function accountRoutes(world: World): Route[] {
    const change = parameters(shared);
    const opening = parameters({
        ...shared,
        controller: controller.optional(),
        country: text(2).optional(),
        type: oneOf(['custom', 'express', 'standard']).optional()
    });

    return [
        route('GET', '/v1/account', parameters({}), (call) => needAccount(world, call, call.account)),
        route('GET', '/v1/accounts/:id', parameters({}), (call, _input, path) =>
            needAccount(world, call, path.id)
        ),
        route('GET', '/v1/accounts', parameters({ ...paging, created: created() }), (call, input) =>
            page(world, 'account', '/v1/accounts', input, {
                account: call.account,
                created: input.created
            })
        ),
        route('POST', '/v1/accounts', opening, (call, input) => {
            if (call.account !== world.platform) {
                throw faults.refused(
                    'Only a platform can open connected accounts; leave out the Stripe-Account header.'
                );
            }
            if (input.type && input.controller) throw faults.exclusiveParameters(['type', 'controller']);
            const country = (input.country ?? 'GB').toUpperCase();
            if (country !== 'GB') {
                throw faults.invalidParameter(
                    'country',
                    `Country '${country}' is unknown to this stand-in; it opens accounts in GB.`,
                    'country_unsupported'
                );
            }
            const account = opened(blankAccount(newId('acct_1', 15), seconds(world)), input);
            world.state.insert('account', world.platform, account, { platform: false });
            return account;
        }),
        route('POST', '/v1/accounts/:id', change, (call, input, path) => {
            const before = needAccount(world, call, path.id);
            if (before.id === world.platform) {
                throw faults.refused('Your own account is changed in the Dashboard, not by the API.');
            }
            return changeAccount(world, before, written(before, input), call.cause);
        }),
        route('DELETE', '/v1/accounts/:id', parameters({}), (call, _input, path) => {
            const { id } = needAccount(world, call, path.id);
            if (id === world.platform)
                throw faults.refused('Your own account is closed in the Dashboard, not by the API.');
            world.state.remove('account', id);
            return { id, object: 'account', deleted: true };
        })
    ];

    function opened(blank: Account, input: (typeof opening)['_output']): Account {
        const dashboard =
            input.controller?.stripe_dashboard?.type ??
            ({ express: 'express', custom: 'none', standard: 'full' } as const)[input.type ?? 'standard'];
        const byPlatform = dashboard !== 'full';
        return {
            ...blank,
            ...written(blank, input),
            controller: {
                type: 'application',
                is_controller: true,
                fees: {
                    payer:
                        input.controller?.fees?.payer ??
                        (input.type === 'express' || input.type === 'custom'
                            ? (`application_${input.type}` as const)
                            : 'account')
                },
                losses: {
                    payments: input.controller?.losses?.payments ?? (byPlatform ? 'application' : 'stripe')
                },
                requirement_collection:
                    input.controller?.requirement_collection ??
                    (dashboard === 'none' ? 'application' : 'stripe'),
                stripe_dashboard: { type: dashboard }
            },
            requirements: requirements(DUE_AT_FIRST, 'requirements.past_due'),
            type: input.type ?? (input.controller ? 'none' : 'standard')
        };
    }

    /** The fields that both opening and changing an account write. */
    function written(before: Account, input: (typeof change)['_output']): Partial<Account> {
        const asked = Object.entries(input.capabilities ?? {}).filter(([, given]) => given?.requested);
        const status = before.charges_enabled ? 'active' : 'inactive';
        const email = input.email ?? before.email;
        return {
            business_profile: { ...(before.business_profile ?? blankProfile()), ...input.business_profile },
            business_type: input.business_type ?? before.business_type ?? null,
            capabilities: {
                ...before.capabilities,
                ...Object.fromEntries(asked.map(([name]) => [name, status]))
            },
            default_currency: input.default_currency ?? before.default_currency ?? 'gbp',
            email,
            metadata: mergedMetadata(before.metadata ?? {}, input.metadata)
        };
    }
}
