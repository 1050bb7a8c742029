// A certificate of the stack's own, for browsers that keep `__Host-` cookies from plain http.

import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { writeAtomically } from './processes.ts';

export type Certificate = { host: string; cert: string; key: string; certFile: string; keyFile: string };

const DAY_MS = 86_400_000;
/** The longest life that Safari accepts. */
const DAYS = 397;

/** The kept certificate for `host` and this machine, or a new one when it ends within a month. */
export async function ownCertificate(folder: string, host: string): Promise<Certificate> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const certFile = join(folder, 'cert.pem');
    const keyFile = join(folder, 'key.pem');
    if (existsSync(certFile) && existsSync(keyFile)) {
        const cert = readFileSync(certFile, 'utf8');
        const known = new X509Certificate(cert);
        const covers = isIP(host) ? known.checkIP(host) : known.checkHost(host);
        if (covers && Date.parse(known.validTo) - Date.now() > 30 * DAY_MS)
            return { host, cert, key: readFileSync(keyFile, 'utf8'), certFile, keyFile };
    }
    const names = [...new Set(['localhost', '127.0.0.1', host])];
    const { cert, private: key } = await generate([{ name: 'commonName', value: host }], {
        keyType: 'ec',
        curve: 'P-256',
        algorithm: 'sha256',
        notAfterDate: new Date(Date.now() + DAYS * DAY_MS),
        extensions: [
            { name: 'basicConstraints', cA: false },
            { name: 'keyUsage', digitalSignature: true },
            { name: 'extKeyUsage', serverAuth: true },
            {
                name: 'subjectAltName',
                altNames: names.map((name) => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name }))
            }
        ]
    });
    writeAtomically(keyFile, key);
    writeAtomically(certFile, cert);
    return { host, cert, key, certFile, keyFile };
}
