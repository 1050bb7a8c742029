/** A provider's signing key and its certificate, made anew. */
import { generate } from 'selfsigned';
import type { SigningKey } from './answer.ts';

/** A key whose certificate is good between two moments. */
export async function newSigningKey(name: string, from: Date, until: Date): Promise<SigningKey> {
    const { cert, private: privateKey } = await generate([{ name: 'commonName', value: name }], {
        keySize: 2048,
        algorithm: 'sha256',
        notBeforeDate: from,
        notAfterDate: until
    });
    return { privateKey, certificate: cert };
}
