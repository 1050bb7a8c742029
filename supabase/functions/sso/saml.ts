/** A provider of SAML 2.0 at the auth server, which is given its metadata and never where they stand. */
import { z } from 'npm:zod@4.6.7';
import { Problem } from '../_shared/problem.ts';
import type { Call } from '../_shared/serve.ts';
import { ask, done, gone, unavailable } from './auth-server.ts';

const PROVIDERS = 'admin/sso/providers';
const Made = z.object({ id: z.guid() });

/** What is read of an assertion, by the names that Entra ID, Okta, Google Workspace, AD FS and Shibboleth give it. */
const attribute_mapping = {
    keys: {
        email: {
            names: [
                'mail',
                'email',
                'urn:oid:0.9.2342.19200300.100.1.3',
                'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress'
            ]
        },
        name: {
            names: [
                'displayName',
                'urn:oid:2.16.840.1.113730.3.1.241',
                'http://schemas.microsoft.com/identity/claims/displayname'
            ]
        },
        given_name: {
            names: [
                'givenName',
                'firstName',
                'urn:oid:2.5.4.42',
                'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname'
            ]
        },
        family_name: {
            names: [
                'sn',
                'lastName',
                'urn:oid:2.5.4.4',
                'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname'
            ]
        }
    }
};

/** Hands it over; what the auth server calls it from then on. Throws `saml_idp_taken`, `saml_metadata_unfit`, `auth_unavailable`. */
export async function addSaml(call: Call, identifier: string, metadata_xml: string): Promise<string> {
    const answer = await ask(call, 'POST', PROVIDERS, {
        type: 'saml',
        resource_id: identifier,
        metadata_xml,
        attribute_mapping
    });
    if (answer.status !== 201) {
        throw await refusedBy(answer);
    }
    return `sso:${Made.parse(await answer.json()).id}`;
}

/** One that is not there is gone already. */
export const removeSaml = async (call: Call, identifier: string): Promise<void> =>
    await gone(await ask(call, 'DELETE', pathOf(identifier)));

export const switchSaml = async (call: Call, identifier: string, enabled: boolean): Promise<void> =>
    await done(await ask(call, 'PUT', pathOf(identifier), { disabled: !enabled }));

/** Gives it other metadata of the same provider. Throws `saml_other_provider`, `saml_metadata_unfit`, `auth_unavailable`. */
export async function renewSaml(call: Call, identifier: string, metadata_xml: string): Promise<void> {
    const answer = await ask(call, 'PUT', pathOf(identifier), { metadata_xml });
    if (!answer.ok) {
        throw await refusedBy(answer);
    }
    await answer.body?.cancel();
}

/** By its own name for it, or before it has one by ours. */
const pathOf = (identifier: string): string =>
    identifier.startsWith('sso:')
        ? `${PROVIDERS}/${identifier.slice('sso:'.length)}`
        : `${PROVIDERS}/resource_${identifier}`;

async function refusedBy(answer: Response): Promise<Problem> {
    await answer.body?.cancel();
    switch (answer.headers.get('x-sb-error-code')) {
        case 'saml_idp_already_exists':
            return new Problem('saml_idp_taken');
        case 'saml_entity_id_mismatch':
            return new Problem('saml_other_provider');
        case 'validation_failed':
            return new Problem('saml_metadata_unfit');
        default:
            return unavailable(answer);
    }
}
