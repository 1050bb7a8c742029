/**
 * Fetching what stands at an address that a customer typed: only over TLS, only from the public internet, nothing that it leads on
 * to, nothing endless. The auth server would fetch metadata by their address itself, and look at no more than `https://`; so it is
 * never given one.
 */
import { isIP } from 'node:net';
import type { Log } from '../_shared/log.ts';
import { Problem } from '../_shared/problem.ts';
import { readSettings } from '../_shared/settings.ts';
import { addressesOf, isPublic, question } from './names.ts';

const { DNS_RESOLVER_URL, SAML_METADATA_INSIDE } = readSettings('DNS_RESOLVER_URL', 'SAML_METADATA_INSIDE');

const TIMEOUT_MS = 5000;

/** The text at an address, at most so many bytes. Throws `saml_metadata_not_found` for whatever is in the way; the log says what. */
export async function fetchOutside(address: string, limitBytes: number, log: Log): Promise<string> {
    try {
        const url = new URL(address);
        await demandOutside(url);
        const answer = await fetch(url, {
            headers: { accept: 'application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8' },
            redirect: 'manual',
            signal: AbortSignal.timeout(TIMEOUT_MS)
        });
        if (answer.status !== 200) {
            await answer.body?.cancel();
            throw new Error(`it answered ${answer.status}`);
        }
        return await textOf(answer, limitBytes);
    } catch (failure) {
        log.info('saml_metadata_not_found', {
            why: failure instanceof Error ? failure.message : String(failure)
        });
        throw new Problem('saml_metadata_not_found', { cause: failure });
    }
}

async function demandOutside(url: URL): Promise<void> {
    if (SAML_METADATA_INSIDE.includes(url.origin)) {
        return;
    }
    const host = url.hostname;
    if (url.protocol !== 'https:' || url.username !== '' || url.password !== '') {
        throw new Error('not over TLS, or with a password');
    }
    // A name is asked after, and what it stands for looked at. A certificate for the name keeps it from standing for another
    // machine a moment later.
    if (isIP(host.replace(/^\[|\]$/g, '')) !== 0 || !host.includes('.')) {
        throw new Error('no name of the public internet');
    }
    const addresses = (await Promise.all((['A', 'AAAA'] as const).map((type) => resolve(host, type)))).flat();
    if (addresses.length === 0 || !addresses.every(isPublic)) {
        throw new Error(
            addresses.length === 0 ? 'nobody knows the name' : 'the name stands for an address inside'
        );
    }
}

async function resolve(host: string, type: 'A' | 'AAAA'): Promise<string[]> {
    const answer = await fetch(question(DNS_RESOLVER_URL, host, type), {
        headers: { accept: 'application/dns-json' },
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS)
    });
    return addressesOf(await answer.json(), type);
}

async function textOf(answer: Response, limitBytes: number): Promise<string> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of answer.body ?? []) {
        size += chunk.byteLength;
        if (size > limitBytes) {
            throw new Error('it is endless');
        }
        chunks.push(chunk);
    }
    return await new Blob(chunks as BlobPart[]).text();
}
