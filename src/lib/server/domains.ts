/**
 * The domains of a business, and joining by an address in one. Whether a record stands in the DNS is looked up by the edge
 * function `domains`; what is proven, and who may join, is the database's to say.
 */
import { domainToASCII } from 'node:url';
import providers from 'email-providers/all.json' with { type: 'json' };
import { z } from 'zod';
import { call, invoke, read, type Db } from './data.ts';
import { problem } from './errors.ts';
import { AccountId, DomainId, JoinRequestId, RoleId } from './ids.ts';
import { Moment } from './shapes.ts';

/** Who may join by an address in a domain. */
export const joinings = ['nobody', 'approval', 'automatic'] as const;
export type Joining = (typeof joinings)[number];

const State = z.enum(['waiting', 'verified', 'missing']);

const Domain = z
    .object({
        id: DomainId,
        domain: z.string(),
        record: z.string(),
        state: State,
        found_at: Moment.nullable(),
        joining: z.enum(joinings),
        role_id: RoleId,
        role: z.object({ name: z.string() })
    })
    .transform((domain) => ({ ...domain, record_name: `_tradersflow.${domain.domain}` }));

/** A domain that a business says is its own. */
export type Domain = z.infer<typeof Domain>;

const columns =
    'id, domain, record, state, found_at, joining, role_id, role:roles!domain_gives_a_role_of_the_account (name)';

/** Every domain that the business has named, by name. */
export function listDomains(db: Db, account: AccountId): Promise<Domain[]> {
    return read(
        db.from('domains').select(columns).eq('account_id', account).order('domain'),
        z.array(Domain)
    );
}

/** One of them, or `not_found`. */
export function getDomain(db: Db, account: AccountId, id: DomainId): Promise<Domain> {
    return read(db.from('domains').select(columns).eq('account_id', account).eq('id', id).single(), Domain);
}

const shared: ReadonlySet<string> = new Set(providers);

/** The domain in what somebody typed: of an address the part after the @, in ASCII (RFC 5891). Empty when there is none. */
export function domainIn(typed: string): string {
    return domainToASCII(typed.trim().replace(/^.*@/s, '').replace(/\.$/, ''));
}

/**
 * Names a domain of the business. Same key, same domain.
 * @throws {Problem} `domain_is_shared` where anybody can have a mailbox; `owners_only`, `too_many_domains`, `validation_failed`.
 */
export async function addDomain(
    db: Db,
    account: AccountId,
    named: { domain: string; idempotency_key: string }
): Promise<DomainId> {
    if (shared.has(named.domain)) throw problem('domain_is_shared');
    return call(db, 'add_domain', { account_id: account, ...named }, DomainId);
}

/**
 * Has the domain's record looked up now, and answers how the domain stands.
 * @throws {Problem} `domain_taken`, `domain_is_shared`, `dns_unavailable`.
 */
export async function checkDomain(db: Db, account: AccountId, id: DomainId): Promise<Domain['state']> {
    const { state } = await invoke(
        db,
        'domains',
        { account_id: account, domain_id: id },
        z.object({ state: State })
    );
    return state;
}

/** Chooses who joins by an address in the domain, and in which role. */
export function setDomainJoining(
    db: Db,
    account: AccountId,
    id: DomainId,
    choice: { joining: Joining; role_id: RoleId }
): Promise<boolean> {
    return call(db, 'set_domain_joining', { account_id: account, domain_id: id, ...choice }, z.boolean());
}

/** Takes a domain off the business. Whoever joined by it stays. */
export function removeDomain(db: Db, account: AccountId, id: DomainId): Promise<boolean> {
    return call(db, 'remove_domain', { account_id: account, domain_id: id }, z.boolean());
}

const JoinRequest = z.object({
    id: JoinRequestId,
    display_name: z.string(),
    email: z.string(),
    state: z.enum(['waiting', 'approved', 'refused']),
    created_at: Moment
});

/** Somebody who asks to join. */
export type JoinRequest = z.infer<typeof JoinRequest>;

const requestColumns = 'id, display_name, email, state, created_at';

/** Whoever asks to join and waits for an answer, the first first. Empty for whoever may not invite. */
export function listJoinRequests(db: Db, account: AccountId): Promise<JoinRequest[]> {
    return read(
        db
            .from('join_requests')
            .select(requestColumns)
            .eq('account_id', account)
            .eq('state', 'waiting')
            .order('created_at')
            .order('id'),
        z.array(JoinRequest)
    );
}

/** One request, or `not_found`. */
export function getJoinRequest(db: Db, account: AccountId, id: JoinRequestId): Promise<JoinRequest> {
    return read(
        db.from('join_requests').select(requestColumns).eq('account_id', account).eq('id', id).single(),
        JoinRequest
    );
}

/** Lets somebody in who asked to join. */
export function approveJoinRequest(
    db: Db,
    account: AccountId,
    id: JoinRequestId,
    role: RoleId
): Promise<boolean> {
    const args = { account_id: account, request_id: id, role_id: role };
    return call(db, 'approve_join_request', args, z.boolean());
}

/** Says no to somebody who asked to join. */
export function refuseJoinRequest(db: Db, account: AccountId, id: JoinRequestId): Promise<boolean> {
    return call(db, 'refuse_join_request', { account_id: account, request_id: id }, z.boolean());
}

const Joinable = z.object({
    account_id: AccountId,
    business: z.string(),
    domain: z.string(),
    role: z.string(),
    joining: z.enum(joinings),
    asked_at: Moment.nullable()
});

/** The business that the signed-in person may join because their confirmed address is in its domain; null when there is none. */
export function joinable(db: Db): Promise<z.infer<typeof Joinable> | null> {
    return call(db, 'joinable', {}, Joinable.nullable());
}

/** Joins that business, or asks to: as its owner chose. Same key, same answer. */
export async function joinByDomain(
    db: Db,
    args: { account_id: AccountId; person_name: string; idempotency_key: string }
): Promise<{ joined: boolean }> {
    return call(db, 'join_by_domain', args, z.object({ joined: z.boolean() }));
}
