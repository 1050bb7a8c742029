/**
 * Account links: the way of a business to Stripe's onboarding. A link works once and not for long; then it leads
 * back to the platform's `refresh_url` (https://docs.stripe.com/api/account_links).
 */
import { faults } from './errors.ts';
import { newId } from './objects.ts';
import { needAccount } from './accounts.ts';
import { address, group, oneOf, parameters, text } from './parameters.ts';
import { route } from './routes.ts';
import { seconds } from './world.ts';
import type { Route } from './routes.ts';
import type { World } from './world.ts';

/** Stripe says "a few minutes". */
const LINK_LIVES_SECONDS = 5 * 60;
const VISIT_LIVES_SECONDS = 60 * 60;

type Row = {
    token: string;
    account: string;
    return_url: string;
    refresh_url: string;
    expires: number;
    visit: string | null;
    visit_expires: number | null;
};

export type Visit = { account: string; returnUrl: string; refreshUrl: string; isOver: boolean };

/** Uses up a link: where the browser goes next, or null for a link that never was. */
export function openLink(world: World, token: string): string | null {
    return world.state.transaction(() => {
        const link = world.state.row<Row>('select * from account_links where token = ?', token);
        if (!link) return null;
        if (link.visit !== null || link.expires <= seconds(world)) return link.refresh_url;
        const visit = newId('', 40);
        world.state.run(
            'update account_links set visit = ?, visit_expires = ? where token = ?',
            visit,
            seconds(world) + VISIT_LIVES_SECONDS,
            token
        );
        return `/onboarding/${visit}`;
    });
}

/** The visit that a used link opened. */
export function findVisit(world: World, visit: string): Visit | null {
    const link = world.state.row<Row>('select * from account_links where visit = ?', visit);
    if (!link) return null;
    return {
        account: link.account,
        returnUrl: link.return_url,
        refreshUrl: link.refresh_url,
        isOver: (link.visit_expires ?? 0) <= seconds(world)
    };
}

export function accountLinkRoutes(world: World): Route[] {
    const schema = parameters({
        account: text(),
        collection_options: group({
            fields: oneOf(['currently_due', 'eventually_due']).optional(),
            future_requirements: oneOf(['include', 'omit']).optional()
        }).optional(),
        refresh_url: address(),
        return_url: address(),
        type: oneOf(['account_onboarding', 'account_update'])
    });
    return [
        route('POST', '/v1/account_links', schema, (call, input) => {
            const account = needAccount(world, call, input.account);
            if (account.id === world.platform) {
                throw faults.refused('An account link is for a connected account, not for your own.');
            }
            if (
                input.type === 'account_update' &&
                account.controller?.requirement_collection !== 'application'
            ) {
                throw faults.refused(
                    'You cannot create `account_update` type Account Links for this account.'
                );
            }
            const token = newId('', 40);
            const expires = seconds(world) + LINK_LIVES_SECONDS;
            world.state.run(
                'insert into account_links (token, account, return_url, refresh_url, expires) values (?, ?, ?, ?, ?)',
                token,
                account.id,
                input.return_url,
                input.refresh_url,
                expires
            );
            return {
                object: 'account_link',
                created: seconds(world),
                expires_at: expires,
                url: `${world.publicUrl}/setup/e/${account.id}/${token}`
            };
        })
    ];
}
