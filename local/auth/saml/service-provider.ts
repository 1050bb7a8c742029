/**
 * This server as a SAML 2.0 service provider: its name, its key, the requests it sends. Everything about signatures is
 * @node-saml/node-saml's.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { SAML, type SamlConfig } from '@node-saml/node-saml';
import { generate } from 'selfsigned';
import { refusal } from '../errors.ts';
import { goodAt, type IdpMetadata } from './metadata.ts';

export type ServiceProvider = {
    /** What identity providers call this server; its metadata stand there too. */
    readonly entityId: string;
    /** Where their answers are posted to. */
    readonly acsUrl: string;
    metadata(): string;
    /** Where a person is sent to sign in, and the id of the request that they carry. */
    request(idp: IdpMetadata, relayState: string, nameIdFormat: string): Promise<{ url: string; id: string }>;
    /**
     * The assertion in an answer that the provider has signed: as XML, nothing but what is under the signature.
     * @throws Error
     */
    signedAssertion(idp: IdpMetadata, answer: string, isAnswerSigned: boolean, now: Date): Promise<string>;
};

export const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
export const BY_ADDRESS = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';

/** A new private key as GOTRUE_SAML_PRIVATE_KEY wants it: RSA, PKCS#1, DER in base64. */
export function newSamlKey(): string {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return privateKey.export({ type: 'pkcs1', format: 'der' }).toString('base64');
}

/** @throws Error with one sentence when the key is not of the published form */
export async function createServiceProvider(
    key: string,
    externalUrl: string,
    uniqueId: () => string = () => `id-${randomBytes(20).toString('hex')}`
): Promise<ServiceProvider> {
    const { privateKey, certificate } = await openKey(key, new URL(externalUrl).hostname);
    const entityId = `${externalUrl}/sso/saml/metadata`;
    const acsUrl = `${externalUrl}/sso/saml/acs`;
    const common = {
        issuer: entityId,
        callbackUrl: acsUrl,
        privateKey,
        // The published server signs its requests with this still.
        signatureAlgorithm: 'sha1',
        disableRequestedAuthnContext: true,
        // Moments, audience and request are judged by the rules of the published server (assertion.ts), by the stack's clock.
        acceptedClockSkewMs: -1,
        audience: false,
        wantAssertionsSigned: false
    } satisfies Partial<SamlConfig>;
    return {
        entityId,
        acsUrl,
        metadata: () =>
            new SAML({
                ...common,
                idpCert: certificate,
                wantAssertionsSigned: true
            }).generateServiceProviderMetadata(null, certificate),
        async request(idp, relayState, nameIdFormat) {
            if (!idp.signInUrl)
                throw refusal('unexpected_failure', 'Error creating SAML Authentication Request');
            const id = uniqueId();
            const saml = new SAML({
                ...common,
                idpCert: idp.certificates,
                entryPoint: idp.signInUrl,
                identifierFormat: nameIdFormat || PERSISTENT,
                generateUniqueId: () => id
            });
            return { url: await saml.getAuthorizeUrlAsync(relayState, undefined, {}), id };
        },
        async signedAssertion(idp, answer, isAnswerSigned, now) {
            const idpCert = goodAt(idp, now);
            if (idpCert.length === 0) throw new Error('Cert is not valid at this time');
            const saml = new SAML({
                ...common,
                idpCert,
                decryptionPvk: privateKey,
                wantAuthnResponseSigned: isAnswerSigned
            });
            const { profile } = await saml.validatePostResponseAsync({ SAMLResponse: answer });
            const assertion = profile?.getAssertionXml?.();
            if (!assertion) throw new Error('expected at least one valid Assertion, none found');
            return assertion;
        }
    };
}

/** The certificate is nothing but a vessel of the public key; the published server makes it anew at each start, always the same. */
async function openKey(key: string, host: string): Promise<{ privateKey: string; certificate: string }> {
    let privateKey: string;
    let publicKey: string;
    try {
        const opened = createPrivateKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'pkcs1' });
        privateKey = opened.export({ type: 'pkcs8', format: 'pem' }).toString();
        publicKey = createPublicKey(opened).export({ type: 'spki', format: 'pem' }).toString();
    } catch {
        throw new Error('GOTRUE_SAML_PRIVATE_KEY: SAML private key not in PKCS#1 format');
    }
    const { cert } = await generate([{ name: 'commonName', value: `SAML 2.0 Certificate for ${host}` }], {
        keyPair: { privateKey, publicKey },
        algorithm: 'sha256',
        notBeforeDate: new Date(0),
        notAfterDate: new Date(Date.UTC(2170, 0, 1))
    });
    return { privateKey, certificate: cert };
}
