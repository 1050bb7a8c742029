// Sending bytes: status, headers, ranges and conditions. Whether they may be sent has been decided before.
import { refusal } from './errors.ts';
import type { FileStore } from './files.ts';
import type { Metadata, ObjectRow } from './objects.ts';

type Range = { start: number; end: number };

/** Answers GET or HEAD with a version's bytes. A signed URL brings `expires`, which stands in place of Cache-Control. */
export async function serve(
    files: FileStore,
    request: Request,
    row: ObjectRow,
    { expires }: { expires?: Date } = {}
): Promise<Response> {
    const { metadata } = row;
    if (!metadata) throw refusal('NoSuchKey');
    const headers = headersOf(metadata);
    if (expires) headers.set('Expires', expires.toUTCString());
    else headers.set('Cache-Control', metadata.cacheControl);

    if (isUnchanged(request, metadata)) return new Response(null, { status: 304, headers });

    const download = new URL(request.url).searchParams.get('download');
    if (download !== null) headers.set('Content-Disposition', disposition(download));

    const rangeHeader = request.headers.get('range');
    const range = rangeHeader === null ? undefined : parseRange(rangeHeader, metadata.size);
    const length = range ? range.end - range.start + 1 : metadata.size;
    headers.set('Content-Length', String(length));
    if (range) headers.set('Content-Range', `bytes ${range.start}-${range.end}/${metadata.size}`);

    const status = range ? 206 : 200;
    // Opening a file for HEAD would leave it open: nobody would read it to its end.
    if (request.method === 'HEAD') return new Response(null, { status, headers });
    const body = await files.read(row.version, range).catch((error: unknown) => {
        throw refusal('NoSuchKey', undefined, error);
    });
    return new Response(body, { status, headers });
}

function headersOf(metadata: Metadata): Headers {
    return new Headers({
        'Accept-Ranges': 'bytes',
        'Content-Type': servedType(metadata.mimetype),
        ETag: metadata.eTag,
        'Last-Modified': new Date(metadata.lastModified).toUTCString(),
        'X-Robots-Tag': 'none'
    });
}

/** As declared, but for HTML, which hosted storage sends as plain text, so that its domain shows nobody's page. */
function servedType(declared: string): string {
    return declared.includes('text/html') ? 'text/plain' : declared;
}

function isUnchanged(request: Request, metadata: Metadata): boolean {
    const known = request.headers.get('if-none-match');
    if (known !== null)
        return known.split(',').some((tag) => tag.trim().replace(/^W\//, '') === metadata.eTag);
    const since = Date.parse(request.headers.get('if-modified-since') ?? '');
    // The header knows whole seconds.
    return !Number.isNaN(since) && Math.floor(Date.parse(metadata.lastModified) / 1000) * 1000 <= since;
}

function disposition(name: string): string {
    if (name === '') return 'attachment;';
    const encoded = encodeURIComponent(name);
    return `attachment; filename=${encoded}; filename*=UTF-8''${encoded}`;
}

/** One range of bytes (RFC 9110, 14.1.2); several at once, and ones outside the file, are refused. */
function parseRange(header: string, size: number): Range {
    const match = /^bytes=(\d*)-(\d*)$/.exec(header);
    const [first, last] = [match?.[1] ?? '', match?.[2] ?? ''];
    const range =
        first === ''
            ? { start: Math.max(size - Number(last), 0), end: size - 1 }
            : { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
    if (!match || (first === '' && Number(last) === 0) || range.start > range.end)
        throw refusal('InvalidRange');
    return range;
}
