// Runs under vitest in Node; the module has no I/O.
import { DOMParser } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import { generate } from 'selfsigned';
import { readMetadata, type Metadata } from './metadata.ts';

const read = (xml: string): Metadata =>
    readMetadata(new DOMParser().parseFromString(xml, 'text/xml').documentElement, now);

const now = new Date('2027-03-01T12:00:00Z');
const at = (day: string) => new Date(`${day}T00:00:00Z`);
const aCertificate = async (from: string, until: string): Promise<string> => {
    const days = { notBeforeDate: at(from), notAfterDate: at(until) };
    const { cert } = await generate([{ name: 'commonName', value: 'login' }], { keySize: 2048, ...days });
    return cert.replace(/-----[^-]+-----|\s/g, '');
};
const [old, good] = [
    await aCertificate('2024-01-01', '2027-02-01'),
    await aCertificate('2026-01-01', '2029-01-01')
];
const of = (...certificates: string[]): string =>
    [
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="urn:login:bell">',
        '<md:IDPSSODescriptor>',
        ...certificates.map(
            (certificate) =>
                `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
        ),
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://login.example/saml"/>',
        '</md:IDPSSODescriptor></md:EntityDescriptor>'
    ].join('');

it('[AUTH-7] what is no XML is no metadata', () => {
    expect(() => readMetadata(null, now)).toThrow();
});

describe('the metadata of a SAML provider', () => {
    it('[AUTH-7] say what it is called, and when the last of its certificates ends', () => {
        expect(read(of(old, good))).toEqual({
            entityId: 'urn:login:bell',
            certificateEndsAt: at('2029-01-01')
        });
    });

    it('[AUTH-7] may stand among others, of services', () => {
        const service = '<md:EntityDescriptor entityID="x"><md:SPSSODescriptor/></md:EntityDescriptor>';
        const [, one = ''] = /(<md:EntityDescriptor[\s\S]*)/.exec(of(good)) ?? [];
        const all = `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">${service}${one}</md:EntitiesDescriptor>`;
        expect(read(all).entityId).toBe('urn:login:bell');
    });

    it.each([
        ['of a service', of(good).replaceAll('IDPSSODescriptor', 'SPSSODescriptor')],
        [
            'of two at once',
            of(good).replace('</md:EntityDescriptor>', '<md:IDPSSODescriptor/></md:EntityDescriptor>')
        ],
        ['without a name', of(good).replace(/entityID="[^"]*"/, '')],
        ['with an endless one', of(good).replace('urn:login:bell', 'x'.repeat(1025))],
        ['without a page for redirects', of(good).replace('HTTP-Redirect', 'HTTP-POST')],
        ['with one that is not over TLS', of(good).replace('https://login.example', 'http://login.example')],
        ['with one that runs', of(good).replace('https://login.example', 'javascript:')],
        ['without a certificate', of()],
        ['with one for another use', of(good).replace('use="signing"', 'use="encryption"')],
        ['with one that is none', of(good).replace(/<ds:X509Certificate>..../, '<ds:X509Certificate>!!!!')],
        ['whose last one has ended', of(old)]
    ])('[AUTH-7] are refused %s', (_, xml) => {
        expect(() => read(xml)).toThrow(expect.objectContaining({ code: 'saml_metadata_unfit' }) as Error);
    });
});
