/** Identity providers as they are kept: auth.sso_providers, and beside it saml_providers and sso_domains. */
import type { PendingQuery, Row } from 'postgres';
import { z } from 'zod';
import type { Database } from '../contract.ts';
import { isUuid } from '../request.ts';

export const AttributeMapping = z.object({
    keys: z
        .record(
            z.string(),
            z.object({
                name: z.string().optional(),
                names: z.array(z.string()).optional(),
                default: z.json().optional(),
                array: z.boolean().optional()
            })
        )
        .optional()
});
export type AttributeMapping = z.output<typeof AttributeMapping>;

export type SsoProvider = {
    id: string;
    resource_id: string | null;
    disabled: boolean | null;
    created_at: Date;
    updated_at: Date;
    entity_id: string;
    metadata_xml: string;
    metadata_url: string | null;
    attribute_mapping: AttributeMapping;
    name_id_format: string | null;
    domains: string[];
};

type By = { id: string } | { resourceId: string } | { entityId: string } | { domain: string };

/** The provider by one of its names, or null. */
export async function findSsoProvider(db: Database, by: By): Promise<SsoProvider | null> {
    if ('id' in by && !isUuid(by.id)) return null;
    const is =
        'id' in by
            ? db`p.id = ${by.id}`
            : 'resourceId' in by
              ? db`p.resource_id = ${by.resourceId}`
              : 'entityId' in by
                ? db`s.entity_id = ${by.entityId}`
                : db`exists (select from auth.sso_domains as d where d.sso_provider_id = p.id and d.domain = ${by.domain})`;
    const [row] = await select(db, is);
    return row ?? null;
}

/** All of them, or those whose resource id is, or begins like, a text. */
export const listSsoProviders = (
    db: Database,
    { resourceId, prefix }: { resourceId: string; prefix: string }
): Promise<SsoProvider[]> =>
    select(
        db,
        resourceId
            ? db`p.resource_id = ${resourceId}`
            : prefix
              ? db`starts_with(p.resource_id, ${prefix})`
              : db`true`
    );

const select = async (db: Database, is: PendingQuery<Row[]>): Promise<SsoProvider[]> => db<SsoProvider[]>`
    select
        p.*, s.entity_id, s.metadata_xml, s.metadata_url, coalesce(s.attribute_mapping, '{}') as attribute_mapping,
        s.name_id_format,
        array(select d.domain from auth.sso_domains as d where d.sso_provider_id = p.id order by d.created_at) as domains
    from auth.sso_providers as p
    join auth.saml_providers as s on s.sso_provider_id = p.id
    where ${is}
    order by p.created_at
`;

/** A provider as the interface shows it; a list leaves the long metadata out. */
export function shown(provider: SsoProvider, withMetadata = true): Record<string, unknown> {
    const { id, resource_id, disabled, created_at, updated_at, domains } = provider;
    const { entity_id, metadata_xml, metadata_url, attribute_mapping, name_id_format } = provider;
    return {
        id,
        ...(resource_id === null ? {} : { resource_id }),
        disabled,
        saml: {
            entity_id,
            ...(withMetadata ? { metadata_xml } : {}),
            ...(metadata_url === null ? {} : { metadata_url }),
            attribute_mapping,
            ...(name_id_format === null ? {} : { name_id_format })
        },
        domains: domains.map((domain) => ({ domain })),
        created_at,
        updated_at
    };
}
