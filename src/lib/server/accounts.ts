/** The businesses a person belongs to, what they may do there, and which one they are working in. */
import type { Cookies } from '@sveltejs/kit';
import { z } from 'zod';
import { call, type Db } from './data.ts';
import { problem } from './errors.ts';
import { AccountId, MemberId, UserId } from './ids.ts';
import { cookieAttributes } from './session.ts';

/** Every permission there is; the database holds the same list. */
export const permissions = [
    'account.read',
    'account.write',
    'members.read',
    'members.write',
    'roles.write',
    'customers.read',
    'customers.write',
    'jobs.read',
    'jobs.all',
    'jobs.write',
    'documents.read',
    'documents.write',
    'invoices.read',
    'invoices.write',
    'invoices.issue',
    'invoices.send',
    'payments.read',
    'payouts.manage',
    'audit.read',
    'export.run'
] as const;

/** `area.verb`. */
export type Permission = (typeof permissions)[number];

const Account = z.object({
    id: AccountId,
    name: z.string(),
    trade: z.string(),
    vat_registered: z.boolean(),
    state: z.string(),
    /** This person's own membership. */
    member_id: MemberId,
    /** What this person is called in this business. */
    display_name: z.string(),
    role: z.object({ key: z.string().nullable(), name: z.string() }),
    permissions: z.array(z.string()),
    stripe: z.object({ connected: z.boolean(), charges_enabled: z.boolean() })
});

/** A business as one of its members sees it. */
export type Account = z.infer<typeof Account>;

const Me = z.object({
    user_id: UserId,
    email: z.string(),
    /** For how long what they proved of themselves in this session still counts as fresh. */
    fresh_seconds: z.int().nonnegative(),
    /** Was a second factor given in this session? */
    second_factor: z.boolean(),
    accounts: z.array(Account),
    /** Businesses that show them nothing until they give one. */
    demanding: z.array(z.object({ id: AccountId, name: z.string() })),
    /** Businesses they used to belong to, the one left last first. */
    former: z.array(z.object({ id: AccountId, name: z.string() }))
});

/** The person and their businesses. No business yet: their first visit. */
export type Me = z.infer<typeof Me>;

/**
 * Asks the database who the caller is. It reads its tables, so a removed member or a session that was ended
 * elsewhere shows with this very call.
 * @throws {Problem} `signed_out` when the session has ended, `factor_needed` when the person has a second factor and has not
 * given it.
 */
export async function me(db: Db): Promise<Me> {
    // Null: the person was erased while their token lives on.
    return (await call(db, 'me', {}, Me.nullable())) ?? Promise.reject(problem('signed_out'));
}

const Entered = z.object({
    me: Me,
    /** How much may still be done, as headers; null when it could not be counted. */
    limits: z.record(z.string(), z.string()).nullable()
});

/** The person and their businesses, and what the limits say. */
export type Entered = z.infer<typeof Entered>;

/**
 * What {@link me} asks, for whoever is about to do something: counted in the same call by person, by the business that is named
 * (where it is theirs) and by address.
 * @throws {Problem} as {@link me}, and `too_many_acts`.
 */
export async function enter(db: Db, named: unknown): Promise<Entered> {
    // What is no id is no business of theirs, which whoever looks for it among theirs finds out.
    const account = AccountId.safeParse(named).data ?? null;
    return (
        (await call(db, 'enter', { acting_in: account }, Entered.nullable())) ??
        Promise.reject(problem('signed_out'))
    );
}

const preferenceCookie = '__Host-tf-account';

/** The business of this page: the one chosen last on this device, else the first. */
export function activeAccount(me: Me, cookies: Cookies): Account | undefined {
    const preferred = cookies.get(preferenceCookie);
    return me.accounts.find((account) => account.id === preferred) ?? me.accounts[0];
}

/**
 * The business that the person was working in on this device and no longer belongs to; or, when none is left to them, the
 * one they belonged to last. Null when there is nothing to tell them.
 */
export function leftAccount(me: Me, cookies: Cookies): Me['former'][number] | null {
    const preferred = cookies.get(preferenceCookie);
    const left = me.former.find(({ id }) => id === preferred);
    return left ?? (me.accounts.length === 0 ? me.former[0] : undefined) ?? null;
}

/**
 * The business that the person was working in on this device and that asks for a second factor, which they have none of; or,
 * when every business of theirs does, the first. Null when nothing is asked.
 */
export function demandingAccount(me: Me, cookies: Cookies): Me['demanding'][number] | null {
    const preferred = cookies.get(preferenceCookie);
    const demanding = me.demanding.find(({ id }) => id === preferred);
    return demanding ?? (me.accounts.length === 0 ? me.demanding[0] : undefined) ?? null;
}

/** Has this device prefer no business: the one it preferred is no longer theirs, and they have been told. */
export function preferNoAccount(cookies: Cookies): void {
    cookies.delete(preferenceCookie, cookieAttributes);
}

/** Remembers on this device which business the person works in. A preference, never a right. */
export function preferAccount(cookies: Cookies, id: AccountId): void {
    cookies.set(preferenceCookie, id, { ...cookieAttributes, maxAge: 365 * 24 * 60 * 60 });
}

/**
 * The business that a form or request names. One of several must be named, since another tab may have switched.
 * @throws {Problem} `not_found` for a business the person does not belong to: it is not theirs to know about;
 * `no_longer_a_member` for one they used to belong to; `factor_needed` for one that asks for a second factor.
 */
export function namedAccount(me: Me, named: unknown, cookies: Cookies): Account {
    if (typeof named === 'string' && named !== '') {
        if (me.former.some(({ id }) => id === named)) throw problem('no_longer_a_member');
        if (me.demanding.some(({ id }) => id === named)) throw problem('factor_needed');
        const account = me.accounts.find(({ id }) => id === named);
        if (account) return account;
        throw problem('not_found');
    }
    const account = me.accounts.length === 1 ? me.accounts[0] : undefined;
    if (account) return account;
    const active = activeAccount(me, cookies);
    throw problem(active ? 'changed_elsewhere' : 'not_found');
}

/** What opening a business takes. */
export type NewAccount = {
    name: string;
    trade: string;
    vat_registered: boolean;
    vat_number: string | null;
    person_name: string;
    idempotency_key: string;
};

/** Opens a business with its roles and its private bucket, the person as its owner. Same key, same business. */
export async function openAccount(db: Db, account: NewAccount): Promise<AccountId> {
    return call(db, 'open_account', account, AccountId);
}
