/**
 * Makes text smaller on its way out, for phones on a slow line. Files are compressed at build time; this is for
 * what is made per request. Flushes as the framework does, so that a streamed page still arrives in pieces.
 */
import { Readable } from 'node:stream';
import type { ReadableStream as NodeStream } from 'node:stream/web';
import { constants, createGzip } from 'node:zlib';
import type { Handle } from '@sveltejs/kit';

const text = /^(text\/|application\/(json|problem\+json|javascript|manifest\+json)|image\/svg)/;

/** Below this a packet is a packet. */
const worthwhileBytes = 1_000;

export const compressed: Handle = async ({ event, resolve }) => {
    const response = await resolve(event);
    const { headers, body } = response;
    const length = Number(headers.get('content-length') ?? Infinity);
    if (
        !body ||
        length < worthwhileBytes ||
        headers.has('content-encoding') ||
        !text.test(headers.get('content-type') ?? '') ||
        !/\bgzip\b/.test(event.request.headers.get('accept-encoding') ?? '')
    ) {
        return response;
    }
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    const source = Readable.fromWeb(body as NodeStream);
    source.on('error', (failure) => gzip.destroy(failure));
    const smaller = new Response(Readable.toWeb(source.pipe(gzip)) as ReadableStream, response);
    smaller.headers.delete('content-length');
    smaller.headers.set('content-encoding', 'gzip');
    smaller.headers.append('vary', 'accept-encoding');
    return smaller;
};
