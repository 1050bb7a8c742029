/**
 * Single sign-on: the identity provider by which a business signs its own people in. Setting it up, and the secret, is the
 * edge function's `sso`; which provider a domain has is asked at the gate; who gets in is the database's to say.
 */
import { z } from 'zod';
import { invoke, read, type Db } from './data.ts';
import { asProblem, problem, problemFromAuth } from './errors.ts';
import { RoleId, type AccountId } from './ids.ts';
import type { Door } from './sign-in.ts';

const common = {
    state: z.enum(['on', 'off']),
    name: z.string(),
    /** What the provider is called; of SAML its entity id. */
    issuer: z.string(),
    role: z.object({ name: z.string() })
};
const Sso = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('oidc'), ...common, client_id: z.string() }),
    z.object({
        kind: z.literal('saml'),
        ...common,
        metadata_url: z.string().nullable(),
        certificate_ends_at: z.string()
    })
]);

/** The identity provider of a business. */
export type Sso = z.infer<typeof Sso>;

/** That of the business, or null. One that was begun and never finished is none. */
export async function getSso(db: Db, account: AccountId): Promise<Sso | null> {
    const [sso] = await read(
        db
            .from('sso_providers')
            .select(
                'kind, state, name, issuer, client_id, metadata_url, certificate_ends_at, role:roles!sso_provider_gives_a_role_of_the_account (name)'
            )
            .eq('account_id', account)
            .neq('state', 'waiting'),
        z.array(Sso)
    );
    return sso ?? null;
}

const name = z.string().trim().min(1, 'Give it the name that your people know.').max(60, 'Make it shorter.');

/** What an owner types to set it up by OpenID Connect. */
export const SsoSetUp = z.object({
    name,
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

const metadataUrl = z
    .string()
    .trim()
    .max(500, 'That is too long.')
    .refine(
        (typed) => typed === '' || /^https?:\/\/[^\s]+$/.test(typed),
        'Give the whole address, with https:// in front.'
    )
    .default('');
const metadataXml = z.string().trim().max(500_000, 'That is too long for metadata.').default('');
const oneOfBoth = { path: ['metadata_url'], error: 'Give the address of the metadata, or paste them below.' };

/** What an owner gives to set it up by SAML 2.0: the provider's metadata, or where they stand. */
export const SamlSetUp = z
    .object({ name, metadata_url: metadataUrl, metadata_xml: metadataXml, role_id: RoleId })
    .refine(({ metadata_url, metadata_xml }) => metadata_url !== '' || metadata_xml !== '', oneOfBoth);

/** Other metadata of the same provider, when its certificates change. */
export const SamlRenewal = z
    .object({ metadata_url: metadataUrl, metadata_xml: metadataXml })
    .refine(({ metadata_url, metadata_xml }) => metadata_url !== '' || metadata_xml !== '', {
        path: ['metadata_xml'],
        error: 'Paste the metadata.'
    });

/**
 * Sets it up by SAML 2.0.
 * @throws {Problem} `domain_first`, `sso_is_set_up`, `saml_metadata_not_found`, `saml_metadata_unfit`, `saml_idp_taken`, `owners_only`.
 */
export async function setUpSaml(db: Db, account: AccountId, typed: z.infer<typeof SamlSetUp>): Promise<void> {
    const asked = { account_id: account, action: 'set_up_saml', ...typed };
    await invoke(db, 'sso', asked, z.object({ identifier: z.string() }));
}

/**
 * Gives the auth server the provider's metadata anew.
 * @throws {Problem} `saml_metadata_not_found`, `saml_metadata_unfit`, `saml_other_provider`, `owners_only`.
 */
export async function renewSaml(
    db: Db,
    account: AccountId,
    given: z.infer<typeof SamlRenewal>
): Promise<void> {
    await invoke(db, 'sso', { account_id: account, action: 'renew', ...given }, z.object({}));
}

/** Switches it off for a while, or on again. */
export async function switchSso(db: Db, account: AccountId, on: boolean): Promise<void> {
    await invoke(db, 'sso', { account_id: account, action: 'switch', on }, z.object({}));
}

/** Takes it off: nobody signs in by it any more. Whoever joined by it stays in the team. */
export async function endSso(db: Db, account: AccountId): Promise<void> {
    await invoke(db, 'sso', { account_id: account, action: 'end' }, z.object({}));
}

const Found = z.object({
    identifier: z.string().regex(/^(?:custom:tf-[0-9a-f]{32}|sso:[0-9a-f-]{36})$/),
    name: z.string()
});

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

/**
 * Address of a business's own sign-in page, which comes back to `callback`. `anew` asks there who it is, signed in or not; a
 * provider of SAML can't be asked that by the auth server, and does as it does.
 */
export async function ssoPage(
    door: Door,
    identifier: string,
    callback: string,
    anew: boolean
): Promise<string> {
    if (identifier.startsWith('sso:')) return await samlPage(door, identifier.slice('sso:'.length), callback);
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

async function samlPage(door: Door, providerId: string, callback: string): Promise<string> {
    const { data, error } = await door.locals.auth.signInWithSSO({
        providerId,
        options: { redirectTo: callback, skipBrowserRedirect: true }
    });
    if (error) throw problemFromAuth(error);
    return data.url;
}
