/** SAML identity providers that the service key adds while the server runs: /admin/sso/providers. */
import { Hono, type Context } from 'hono';
import { z } from 'zod';
import type { Auth, Database, Env } from '../contract.ts';
import { refusal } from '../errors.ts';
import { readBody, requireService, text } from '../request.ts';
import { inTransaction } from '../transactions.ts';
import { readMetadata, type IdpMetadata } from './metadata.ts';
import { AttributeMapping, findSsoProvider, listSsoProviders, shown, type SsoProvider } from './rows.ts';
import { BY_ADDRESS, PERSISTENT } from './service-provider.ts';

const Params = z.object({
    type: text,
    metadata_url: text,
    metadata_xml: text,
    domains: z.array(z.string()).nullish(),
    attribute_mapping: AttributeMapping.nullish(),
    name_id_format: text,
    resource_id: z.string().nullish(),
    disabled: z.boolean().nullish()
});
type Params = z.output<typeof Params>;

const NAME_ID_FORMATS = [
    '',
    PERSISTENT,
    BY_ADDRESS,
    'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
    'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified'
];
const TIMEOUT_MS = 10_000;

export function adminSsoRoutes(auth: Auth): Hono<Env> {
    const routes = new Hono<Env>();
    const path = '/admin/sso/providers';

    routes.get(path, async (c) => {
        await requireService(auth, c);
        const wanted = {
            resourceId: c.req.query('resource_id') ?? '',
            prefix: c.req.query('resource_id_prefix') ?? ''
        };
        const items = await listSsoProviders(auth.sql, wanted);
        return c.json({ items: items.map((provider) => shown(provider, false)) });
    });
    routes.post(path, async (c) => {
        await requireService(auth, c);
        return c.json(shown(await create(auth, c, await readBody(c, Params))), 201);
    });
    routes.get(`${path}/:id`, async (c) => {
        await requireService(auth, c);
        return c.json(shown(await named(auth, c)));
    });
    routes.put(`${path}/:id`, async (c) => {
        await requireService(auth, c);
        const provider = await named(auth, c);
        return c.json(shown(await change(auth, c, provider, await readBody(c, Params))));
    });
    routes.delete(`${path}/:id`, async (c) => {
        await requireService(auth, c);
        const provider = await named(auth, c);
        await auth.sql`delete from auth.sso_providers where id = ${provider.id}`;
        return c.json(shown(provider));
    });
    return routes;
}

async function named(auth: Auth, c: Context<Env>): Promise<SsoProvider> {
    const id = c.req.param('id') ?? '';
    const by = id.startsWith('resource_') ? { resourceId: id.slice('resource_'.length) } : { id };
    const provider = await findSsoProvider(auth.sql, by);
    if (!provider) throw refusal('sso_provider_not_found', 'SSO Identity Provider not found');
    return provider;
}

function demandSound(params: Params, isNew: boolean): void {
    const wrong = (sentence: string) => {
        throw refusal('validation_failed', sentence);
    };
    if (isNew && params.type !== 'saml') wrong("Only 'saml' supported for SSO provider type");
    if (params.metadata_url && params.metadata_xml)
        wrong('Only one of metadata_xml or metadata_url needs to be set');
    if (isNew && !params.metadata_url && !params.metadata_xml)
        wrong('Either metadata_xml or metadata_url must be set');
    if (params.metadata_url) {
        if (!URL.canParse(params.metadata_url)) wrong('metadata_url is not a valid URL');
        if (new URL(params.metadata_url).protocol !== 'https:') wrong('metadata_url is not a HTTPS URL');
    }
    if (!NAME_ID_FORMATS.includes(params.name_id_format))
        wrong(`name_id_format must be unspecified or one of ${NAME_ID_FORMATS.slice(1).join(', ')}`);
}

/** The metadata that were given or stand at the address. Like the published server's, this fetch knows no addresses inside. */
async function metadataOf(auth: Auth, params: Params): Promise<{ xml: string; read: IdpMetadata }> {
    let xml = params.metadata_xml;
    if (params.metadata_url) {
        const answer = await auth
            .fetch(params.metadata_url, {
                headers: { accept: 'application/xml;charset=UTF-8' },
                signal: AbortSignal.timeout(TIMEOUT_MS)
            })
            .catch((error: Error) => {
                auth.log(`auth: SAML metadata at ${params.metadata_url}: ${error.message}`);
                throw refusal('unexpected_failure');
            });
        if (!answer.ok)
            throw refusal(
                'saml_metadata_fetch_failed',
                `HTTP ${answer.status} error fetching SAML Metadata from URL '${params.metadata_url}'`
            );
        xml = await answer.text();
    }
    return { xml, read: readMetadata(xml) };
}

async function create(auth: Auth, c: Context<Env>, params: Params): Promise<SsoProvider> {
    demandSound(params, true);
    const { xml, read } = await metadataOf(auth, params);
    if (await findSsoProvider(auth.sql, { entityId: read.entityId }))
        throw refusal(
            'saml_idp_already_exists',
            `SAML Identity Provider with this EntityID (${read.entityId}) already exists`
        );
    for (const domain of params.domains ?? []) await demandFree(auth.sql, domain);
    const id = crypto.randomUUID();
    return inTransaction(auth, c.get('caller'), async ({ db, now }) => {
        await db`
            insert into auth.sso_providers (id, resource_id, disabled, created_at, updated_at)
            values (${id}, ${params.resource_id ?? null}, ${params.disabled ?? null}, ${now}, ${now})
        `;
        await db`
            insert into auth.saml_providers (
                id, sso_provider_id, entity_id, metadata_xml, metadata_url, attribute_mapping, name_id_format,
                created_at, updated_at
            ) values (
                ${crypto.randomUUID()}, ${id}, ${read.entityId}, ${xml}, ${params.metadata_url || null},
                ${db.json(params.attribute_mapping ?? {})}, ${params.name_id_format || null}, ${now}, ${now}
            )
        `;
        await addDomains(db, id, params.domains ?? [], now);
        return kept(db, id);
    });
}

async function change(
    auth: Auth,
    c: Context<Env>,
    provider: SsoProvider,
    params: Params
): Promise<SsoProvider> {
    demandSound(params, false);
    const given = params.metadata_xml || params.metadata_url ? await metadataOf(auth, params) : null;
    if (given && given.read.entityId !== provider.entity_id)
        throw refusal(
            'saml_entity_id_mismatch',
            `SAML Metadata can be updated only if the EntityID matches for the provider; expected '${provider.entity_id}' but got '${given.read.entityId}'`
        );
    const domains = params.domains ?? provider.domains;
    const added = domains.filter((domain) => !provider.domains.includes(domain));
    for (const domain of added) await demandFree(auth.sql, domain);
    // A name_id_format that is left out is taken away, where anything else that is left out stays: as published.
    return inTransaction(auth, c.get('caller'), async ({ db, now }) => {
        await db`
            update auth.sso_providers
            set disabled = ${params.disabled ?? provider.disabled},
                resource_id = ${(params.resource_id ?? provider.resource_id) || null},
                updated_at = ${now}
            where id = ${provider.id}
        `;
        await db`
            update auth.saml_providers
            set metadata_xml = ${given?.xml ?? provider.metadata_xml},
                metadata_url = ${params.metadata_url || provider.metadata_url},
                attribute_mapping = ${db.json(params.attribute_mapping?.keys ? params.attribute_mapping : provider.attribute_mapping)},
                name_id_format = ${params.name_id_format || null},
                updated_at = ${now}
            where sso_provider_id = ${provider.id}
        `;
        await db`
            delete from auth.sso_domains
            where sso_provider_id = ${provider.id} and not domain = any (${[...domains]})
        `;
        await addDomains(db, provider.id, added, now);
        return kept(db, provider.id);
    });
}

async function demandFree(db: Database, domain: string): Promise<void> {
    const holder = await findSsoProvider(db, { domain });
    if (holder)
        throw refusal(
            'sso_domain_already_exists',
            `SSO Domain '${domain}' is already assigned to an SSO identity provider (${holder.id})`
        );
}

async function addDomains(db: Database, id: string, domains: readonly string[], now: Date): Promise<void> {
    for (const domain of domains)
        await db`
            insert into auth.sso_domains (id, sso_provider_id, domain, created_at, updated_at)
            values (${crypto.randomUUID()}, ${id}, ${domain}, ${now}, ${now})
        `;
}

async function kept(db: Database, id: string): Promise<SsoProvider> {
    const provider = await findSsoProvider(db, { id });
    if (!provider) throw refusal('unexpected_failure');
    return provider;
}
