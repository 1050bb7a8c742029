// The two shapes an upload's body comes in: a multipart form with fields before the file, or the bare bytes with
// headers. Knows neither where the bytes go nor who may send them.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import busboy from 'busboy';
import { refusal } from './errors.ts';

/** An upload whose bytes have not been read yet. */
export type Incoming = {
    bytes: Readable;
    mimeType: string;
    cacheControl: string;
    userMetadata: Record<string, unknown> | undefined;
    /** What the request declares as its length; for a form that includes the form's own framing. */
    declaredLength: number | undefined;
    /** True when the declared length is the file's length, so that it can be judged before the bytes. */
    lengthIsExact: boolean;
};

const metadataLimit = 1024 * 1024;

/** Opens the body of an upload up to where the file's bytes begin. */
export async function openBody(request: Request): Promise<Incoming> {
    const bytes = request.body ? Readable.fromWeb(request.body as NodeReadableStream) : Readable.from([]);
    const length = request.headers.get('content-length');
    const declaredLength = length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
    const contentType = request.headers.get('content-type');
    if (contentType?.startsWith('multipart/form-data')) {
        return { ...(await openForm(bytes, contentType)), declaredLength, lengthIsExact: false };
    }
    return {
        bytes,
        mimeType: contentType ?? 'application/octet-stream',
        cacheControl: request.headers.get('cache-control') ?? 'no-cache',
        userMetadata: headerMetadata(request.headers.get('x-metadata')),
        declaredLength,
        lengthIsExact: true
    };
}

/** User metadata from the header x-metadata: base64 of a JSON object; anything else counts as none, as on hosted. */
export function headerMetadata(header: string | null): Record<string, unknown> | undefined {
    return header === null ? undefined : parseObject(Buffer.from(header, 'base64').toString('utf8'));
}

function openForm(
    body: Readable,
    contentType: string
): Promise<Pick<Incoming, 'bytes' | 'mimeType' | 'cacheControl' | 'userMetadata'>> {
    return new Promise((resolve, reject) => {
        const noContent = (error?: unknown) =>
            reject(
                refusal(
                    'InvalidRequest',
                    error instanceof Error ? error.message : 'No content provided',
                    error
                )
            );
        const fields = new Map<string, string>();
        let form: busboy.Busboy;
        try {
            form = busboy({
                headers: { 'content-type': contentType },
                // One byte more than may be, so that a field that is too long is told from one that just fits.
                limits: { fields: 10, files: 1, fieldSize: metadataLimit + 1 }
            });
        } catch (error) {
            noContent(error);
            return;
        }
        form.on('field', (name, value) => fields.set(name, value));
        form.on('file', (_name, file, info) => {
            const metadata = fields.get('metadata') ?? fields.get('userMetadata');
            if (metadata !== undefined && Buffer.byteLength(metadata) > metadataLimit) {
                file.resume();
                reject(refusal('EntityTooLarge', 'The user_metadata exceeded the maximum allowed size'));
                return;
            }
            const cacheTime = fields.get('cacheControl');
            resolve({
                bytes: file,
                mimeType: fields.get('contentType') ?? info.mimeType,
                cacheControl: cacheTime ? `max-age=${cacheTime}` : 'no-cache',
                userMetadata: metadata === undefined ? undefined : parseObject(metadata)
            });
        });
        // A form that breaks off destroys its file stream with the error, which whoever reads the file then meets.
        pipeline(body, form).then(() => noContent(), noContent);
    });
}

function parseObject(text: string): Record<string, unknown> | undefined {
    try {
        const value: unknown = JSON.parse(text);
        return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
    } catch {
        return undefined;
    }
}
