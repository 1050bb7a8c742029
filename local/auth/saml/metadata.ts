/** What an identity provider says of itself: who it is, where its people sign in, and by which keys its word is known. */
import { X509Certificate } from 'node:crypto';
import { refusal } from '../errors.ts';
import { childrenOf, isNamed, METADATA, momentOf, parseXml, SIGNATURE, textOf } from './xml.ts';

const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';

export type IdpMetadata = {
    entityId: string;
    /** Where people are sent by a redirect; '' where it takes none. */
    signInUrl: string;
    /** Its signing keys: certificates in base64. */
    certificates: string[];
};

/**
 * Reads a metadata document, also one that is wrapped as one of several.
 * @throws AuthError validation_failed for one of no use; unexpected_failure for what is no metadata, as on the published server
 */
export function readMetadata(xml: string): IdpMetadata {
    const entity = entityIn(xml);
    const entityId = entity.getAttribute('entityID') ?? '';
    if (!entityId) throw refusal('validation_failed', 'SAML Metadata does not contain an EntityID');
    const [descriptor, ...others] = childrenOf(entity, METADATA, 'IDPSSODescriptor');
    if (!descriptor)
        throw refusal('validation_failed', 'SAML Metadata does not contain any IDPSSODescriptor');
    if (others.length > 0)
        throw refusal('validation_failed', 'SAML Metadata contains multiple IDPSSODescriptors');
    const service = childrenOf(descriptor, METADATA, 'SingleSignOnService').find(
        (one) => one.getAttribute('Binding') === REDIRECT
    );
    return {
        entityId,
        signInUrl: service?.getAttribute('Location') ?? '',
        certificates: childrenOf(descriptor, METADATA, 'KeyDescriptor')
            .filter((key) => ['', 'signing'].includes(key.getAttribute('use') ?? ''))
            .flatMap((key) => childrenOf(key, SIGNATURE, 'KeyInfo'))
            .flatMap((info) => childrenOf(info, SIGNATURE, 'X509Data'))
            .flatMap((data) => childrenOf(data, SIGNATURE, 'X509Certificate'))
            .map((certificate) => textOf(certificate).replace(/\s+/g, ''))
    };
}

function entityIn(xml: string): Element {
    let root: Element;
    try {
        root = parseXml(xml);
    } catch (error) {
        throw refusal('unexpected_failure', (error as Error).message);
    }
    if (isNamed(root, METADATA, 'EntityDescriptor')) return root;
    const entity = isNamed(root, METADATA, 'EntitiesDescriptor')
        ? childrenOf(root, METADATA, 'EntityDescriptor').find(
              (one) => childrenOf(one, METADATA, 'IDPSSODescriptor').length > 0
          )
        : undefined;
    if (!entity) throw refusal('unexpected_failure', 'no entity found with IDPSSODescriptor');
    return entity;
}

/** The certificates that are good at a moment: one that has ended signs nothing any more. @throws Error for one that is none */
export function goodAt({ certificates }: IdpMetadata, now: Date): string[] {
    return certificates.filter((base64) => {
        const { validFrom, validTo } = new X509Certificate(Buffer.from(base64, 'base64'));
        return momentOf(validFrom) <= now.getTime() && now.getTime() <= momentOf(validTo);
    });
}
