/**
 * An identity provider's answer (SAML 2.0 Core, 2 and 3; Web Browser SSO profile, 4.1): a response with one assertion, and the
 * signatures on it, made with xml-crypto.
 */
import { randomBytes } from 'node:crypto';
import { SignedXml } from 'xml-crypto';

export const FORMATS = {
    persistent: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    transient: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
    emailAddress: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'
} as const;

/** A provider's key: the private one, and the certificate that its metadata show; both in PEM. */
export type SigningKey = { privateKey: string; certificate: string };

export type Answer = {
    issuer: string;
    /** Where it is posted to. */
    destination: string;
    /** Whom it is for. */
    audience: string;
    /** Which request it answers; none where the sign-in began at the provider. */
    requestId: string | undefined;
    nameId: { value: string; format: string };
    attributes: Readonly<Record<string, string>>;
    issuedAt: Date;
    /** From when until when it is good. */
    from: Date;
    until: Date;
};

const CLASS = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';
const newId = (): string => `_${randomBytes(16).toString('hex')}`;

/** Text as XML writes it. */
export const escaped = (text: string): string =>
    text
        .replaceAll('&', '&amp;')
        .replaceAll('<', '&lt;')
        .replaceAll('>', '&gt;')
        .replaceAll('"', '&quot;')
        .replaceAll("'", '&apos;');

/** The answer as XML, without a signature. */
export function written(answer: Answer): string {
    const { issuer, destination, audience, requestId, nameId, attributes, issuedAt, from, until } = answer;
    const inResponseTo = requestId === undefined ? '' : ` InResponseTo="${escaped(requestId)}"`;
    const named = `<saml:Issuer>${escaped(issuer)}</saml:Issuer>`;
    const at = issuedAt.toISOString();
    const statements = Object.entries(attributes).map(
        ([name, value]) =>
            `<saml:Attribute Name="${escaped(name)}"><saml:AttributeValue>${escaped(value)}</saml:AttributeValue></saml:Attribute>`
    );
    return [
        `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`,
        ` ID="${newId()}" Version="2.0" IssueInstant="${at}" Destination="${escaped(destination)}"${inResponseTo}>`,
        named,
        `<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>`,
        `<saml:Assertion ID="${newId()}" Version="2.0" IssueInstant="${at}">`,
        named,
        `<saml:Subject><saml:NameID Format="${nameId.format}">${escaped(nameId.value)}</saml:NameID>`,
        `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData`,
        ` NotOnOrAfter="${until.toISOString()}" Recipient="${escaped(destination)}"${inResponseTo}/></saml:SubjectConfirmation></saml:Subject>`,
        `<saml:Conditions NotBefore="${from.toISOString()}" NotOnOrAfter="${until.toISOString()}">`,
        `<saml:AudienceRestriction><saml:Audience>${escaped(audience)}</saml:Audience></saml:AudienceRestriction></saml:Conditions>`,
        `<saml:AuthnStatement AuthnInstant="${at}"><saml:AuthnContext><saml:AuthnContextClassRef>${CLASS}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`,
        statements.length > 0
            ? `<saml:AttributeStatement>${statements.join('')}</saml:AttributeStatement>`
            : '',
        `</saml:Assertion></samlp:Response>`
    ].join('');
}

/** Signs the response, or the assertion in it, with an enveloped signature that stands after the issuer. */
export function signed(xml: string, what: 'Response' | 'Assertion', key: SigningKey): string {
    const target = `//*[local-name()='${what}']`;
    const signature = new SignedXml({
        privateKey: key.privateKey,
        publicCert: key.certificate,
        signatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
        canonicalizationAlgorithm: 'http://www.w3.org/2001/10/xml-exc-c14n#'
    });
    signature.addReference({
        xpath: target,
        digestAlgorithm: 'http://www.w3.org/2001/04/xmlenc#sha256',
        transforms: [
            'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
            'http://www.w3.org/2001/10/xml-exc-c14n#'
        ]
    });
    signature.computeSignature(xml, {
        prefix: 'ds',
        location: { reference: `${target}/*[local-name()='Issuer']`, action: 'after' }
    });
    return signature.getSignedXml();
}

/** That nobody signs in: the person turned back, or the provider does not let them. */
export function refused({ issuer, destination, requestId, issuedAt }: Answer): string {
    const inResponseTo = requestId === undefined ? '' : ` InResponseTo="${escaped(requestId)}"`;
    return [
        `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`,
        ` ID="${newId()}" Version="2.0" IssueInstant="${issuedAt.toISOString()}" Destination="${escaped(destination)}"${inResponseTo}>`,
        `<saml:Issuer>${escaped(issuer)}</saml:Issuer>`,
        `<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder">`,
        `<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode></samlp:Status>`,
        `</samlp:Response>`
    ].join('');
}

/** What a provider says of itself (SAML 2.0 Metadata, 2.4.3). */
export function metadataOf(idp: {
    entityId: string;
    signInUrl: string;
    certificates: readonly string[];
}): string {
    const keys = idp.certificates.map(
        (certificate) =>
            `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${bare(certificate)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
    );
    return [
        `<?xml version="1.0" encoding="UTF-8"?>`,
        `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="${escaped(idp.entityId)}">`,
        `<md:IDPSSODescriptor WantAuthnRequestsSigned="false" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">`,
        ...keys,
        `<md:NameIDFormat>${FORMATS.persistent}</md:NameIDFormat>`,
        `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${escaped(idp.signInUrl)}"/>`,
        `</md:IDPSSODescriptor></md:EntityDescriptor>`
    ].join('');
}

const bare = (pem: string): string => pem.replace(/-----[^-]+-----|\s/g, '');
