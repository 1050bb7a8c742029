/**
 * Single sign-on: the identity provider by which a business signs its own people in. Setting it up, and the secret, is the
 * edge function's `sso`; which provider a domain has is asked at the gate; who gets in is the database's to say.
 */
import { z } from 'zod';
import { invoke, read, type Db } from './data.ts';
import { asProblem, problem } from './errors.ts';
import { RoleId, type AccountId } from './ids.ts';
import type { Door } from './sign-in.ts';

const Sso = z.object({
    name: z.string(),
    issuer: z.string(),
    client_id: z.string(),
    role: z.object({ name: z.string() })
});

/** The identity provider of a business. */
export type Sso = z.infer<typeof Sso>;

/** That of the business, or null. One that was begun and never finished is none. */
export async function getSso(db: Db, account: AccountId): Promise<Sso | null> {
    const [sso] = await read(
        db
            .from('sso_providers')
            .select('name, issuer, client_id, role:roles!sso_provider_gives_a_role_of_the_account (name)')
            .eq('account_id', account)
            .eq('state', 'on'),
        z.array(Sso)
    );
    return sso ?? null;
}

/** What an owner types to set it up. */
export const SsoSetUp = z.object({
    name: z.string().trim().min(1, 'Give it the name that your people know.').max(60, 'Make it shorter.'),
    issuer: z
        .string()
        .trim()
        .max(500, 'That is too long.')
        .transform((typed) => typed.replace(/\/\.well-known\/openid-configuration$/, ''))
        .refine(
            (typed) => /^https?:\/\/[^\s]+$/.test(typed),
            'Give the whole address, with https:// in front.'
        ),
    client_id: z
        .string()
        .trim()
        .min(1, 'Copy the client ID from your provider.')
        .max(300, 'That is too long.'),
    client_secret: z.string().trim().min(1, 'Copy the client secret from your provider.').max(1000),
    role_id: RoleId
});

/**
 * Sets it up.
 * @throws {Problem} `domain_first`, `sso_is_set_up`, `sso_provider_not_found`, `sso_provider_unfit`, `owners_only`.
 */
export async function setUpSso(db: Db, account: AccountId, typed: z.infer<typeof SsoSetUp>): Promise<void> {
    const asked = { account_id: account, action: 'set_up', ...typed };
    await invoke(db, 'sso', asked, z.object({ identifier: z.string() }));
}

/** Takes it off: nobody signs in by it any more. Whoever joined by it stays in the team. */
export async function endSso(db: Db, account: AccountId): Promise<void> {
    await invoke(db, 'sso', { account_id: account, action: 'end' }, z.object({}));
}

const Found = z.object({ identifier: z.string().regex(/^custom:tf-[0-9a-f]{32}$/), name: z.string() });

/**
 * The provider by which people of a domain sign in.
 * @throws {Problem} `sso_not_set_up`, `too_many_tries`.
 */
export async function findSso(db: Db, domain: string): Promise<z.infer<typeof Found>> {
    try {
        return await invoke(db, 'auth-gate/sso', { domain }, Found);
    } catch (thrown) {
        const failure = asProblem(thrown);
        throw failure.code === 'not_found' ? problem('sso_not_set_up', { cause: failure }) : failure;
    }
}

/** Address of a business's own sign-in page, which comes back to `callback`. `anew` asks there who it is, signed in or not. */
export async function ssoPage(
    door: Door,
    identifier: string,
    callback: string,
    anew: boolean
): Promise<string> {
    const { data, error } = await door.locals.auth.signInWithOAuth({
        provider: identifier as `custom:${string}`,
        options: {
            redirectTo: callback,
            skipBrowserRedirect: true,
            ...(anew ? { queryParams: { prompt: 'login' } } : {})
        }
    });
    if (error || !data.url) throw problem('sign_in_failed', { cause: error });
    return data.url;
}
