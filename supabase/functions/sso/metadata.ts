/**
 * What a SAML identity provider says of itself (SAML 2.0 Metadata, 2.4): read here to tell an owner at once what is wrong with it,
 * and until when it signs. Whom it vouches for is the auth server's to judge, by the same document. No I/O here.
 */
import { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';
import { Problem } from '../_shared/problem.ts';

const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata';
const SIGNATURE = 'http://www.w3.org/2000/09/xmldsig#';
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';

/** Large directories list every claim that they know; this is ten times what they need for it. */
export const METADATA_LIMIT_BYTES = 512 * 1024;

export type Metadata = {
    readonly entityId: string;
    /** When the last of its signing certificates ends. */
    readonly certificateEndsAt: Date;
};

/**
 * Reads the document of one provider (null: it is no XML). Throws `saml_metadata_unfit` with what it lacks: it is no such document,
 * has no page that people are sent to by a redirect over TLS, or no signing certificate that is good now.
 */
export function readMetadata(root: Element | null, now: Date): Metadata {
    const entity = entityOf(root);
    const entityId = entity.getAttribute('entityID') ?? '';
    const [descriptor, ...others] = childrenOf(entity, METADATA, 'IDPSSODescriptor');
    if (entityId === '' || entityId.length > 1024 || descriptor === undefined || others.length > 0) {
        throw unfit('names not exactly one identity provider');
    }
    const pages = childrenOf(descriptor, METADATA, 'SingleSignOnService')
        .filter((service) => service.getAttribute('Binding') === REDIRECT)
        .map((service) => service.getAttribute('Location') ?? '');
    if (!isSafePage(pages[0] ?? '')) {
        throw unfit('names no page over TLS that people are sent to by a redirect');
    }
    const ends = childrenOf(descriptor, METADATA, 'KeyDescriptor')
        .filter((key) => ['', 'signing'].includes(key.getAttribute('use') ?? ''))
        .flatMap((key) => childrenOf(key, SIGNATURE, 'KeyInfo'))
        .flatMap((info) => childrenOf(info, SIGNATURE, 'X509Data'))
        .flatMap((data) => childrenOf(data, SIGNATURE, 'X509Certificate'))
        .map((certificate) => endOf(certificate.textContent ?? ''));
    const certificateEndsAt = new Date(Math.max(0, ...ends));
    if (certificateEndsAt <= now) {
        throw unfit('names no signing certificate that is good now');
    }
    return { entityId, certificateEndsAt };
}

function entityOf(root: Element | null): Element {
    if (root === null) {
        throw unfit('is no XML, or declares a document type');
    }
    if (isNamed(root, METADATA, 'EntityDescriptor')) {
        return root;
    }
    const all = isNamed(root, METADATA, 'EntitiesDescriptor')
        ? childrenOf(root, METADATA, 'EntityDescriptor')
        : [];
    const one = all.find((entity) => childrenOf(entity, METADATA, 'IDPSSODescriptor').length > 0);
    if (one === undefined) {
        throw unfit('is about no identity provider');
    }
    return one;
}

const isNamed = (element: Element, namespace: string, name: string): boolean =>
    element.namespaceURI === namespace && element.localName === name;

const childrenOf = (element: Element, namespace: string, name: string): Element[] =>
    Array.from(element.childNodes).filter(
        (node): node is Element =>
            node.nodeType === node.ELEMENT_NODE && isNamed(node as Element, namespace, name)
    );

/** People type their password there: over TLS, or on this very machine. */
function isSafePage(text: string): boolean {
    if (!URL.canParse(text)) {
        return false;
    }
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1'].includes(hostname));
}

function endOf(certificate: string): number {
    try {
        return Date.parse(
            new X509Certificate(Buffer.from(certificate.replace(/\s+/g, ''), 'base64')).validTo
        );
    } catch {
        throw unfit('holds a certificate that is none');
    }
}

const unfit = (why: string): Problem =>
    new Problem('saml_metadata_unfit', { detail: `The metadata ${why}.` });
