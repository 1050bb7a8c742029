/** What those who run TradersFlow see of the platform and do to it. The database decides who they are, at each call. */
import { z } from 'zod';
import { call, type Db } from './data.ts';
import { problem } from './errors.ts';

const Factor = z.object({ factor: z.string(), weight: z.int(), reason: z.string() });

const Alert = z.discriminatedUnion('kind', [
    z.object({
        id: z.string(),
        kind: z.literal('stuffing'),
        raised_at: z.string(),
        detail: z.object({ network: z.string(), logins: z.int(), until: z.string() })
    }),
    z.object({
        id: z.string(),
        kind: z.literal('suspicious_sign_in'),
        raised_at: z.string(),
        detail: z.object({ trace_id: z.uuid(), score: z.int(), factors: z.array(Factor) })
    }),
    z.object({
        id: z.string(),
        kind: z.literal('apple_secret_ends'),
        raised_at: z.string(),
        detail: z.object({ ends_at: z.string() })
    })
]);

/** Something that those who run the platform should look at. */
export type Alert = z.infer<typeof Alert>;

const Network = z.object({
    network: z.string(),
    times: z.int(),
    blocked_at: z.string(),
    blocked_until: z.string()
});

/** A network from which nobody new can sign in just now. */
export type Network = z.infer<typeof Network>;

const Limit = z.object({
    name: z.string(),
    protects: z.string(),
    quota: z.int(),
    period_seconds: z.int(),
    /** Does the wait grow with each take? */
    grows: z.boolean(),
    /** How many addresses, logins or devices have something counted. */
    counted: z.int(),
    /** How many of them are refused at this moment. */
    refused: z.int()
});

/** A limit and how it stands. */
export type Limit = z.infer<typeof Limit>;

const Overview = z.object({
    alerts: z.array(Alert),
    alerts_in_all: z.int(),
    networks: z.array(Network),
    networks_in_all: z.int(),
    failures: z.object({ hour: z.int(), day: z.int(), logins: z.int(), networks: z.int() }),
    limits: z.array(Limit),
    apple_secret_ends_at: z.string().nullable()
});

/** How the platform stands. */
export type Overview = z.infer<typeof Overview>;

/** @throws {Problem} `platform_only`, `factor_needed`, `signed_in_long_ago`, `fresh_proof_needed`, `signed_out`. */
export async function requirePlatformOwner(db: Db): Promise<void> {
    await call(db, 'require_platform_owner', {}, z.literal(true));
}

/** How the platform stands: alerts, blocked networks, limits. */
export function overview(db: Db): Promise<Overview> {
    return call(db, 'platform_overview', {}, Overview);
}

/** One network that is blocked. @throws {Problem} `not_found` when it is not, or not any more. */
export async function blockedNetwork(db: Db, network: string): Promise<Network> {
    const { networks } = await overview(db);
    return networks.find((one) => one.network === network) ?? Promise.reject(problem('not_found'));
}

/**
 * Lets people sign in from a network again, and keeps who did it and why.
 * @throws {Problem} `fresh_proof_needed`; `not_found` when it is not blocked any more.
 */
export async function unblockNetwork(db: Db, network: string, reason: string): Promise<void> {
    if (!(await call(db, 'unblock_network', { network, reason }, z.boolean()))) throw problem('not_found');
}
