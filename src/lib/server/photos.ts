// Makes a photo fit to be seen: what it is by its content, upright, without metadata. Knows nothing of storage or people.
import { createHash } from 'node:crypto';
import { fileTypeFromBuffer } from 'file-type';
import sharp, { type Sharp } from 'sharp';
import { problem } from './errors.ts';

/** Larger files are refused before and after the upload (FILE-4). */
export const MAX_PHOTO_BYTES = 50 * 1024 * 1024;

/** The longest side that is kept: enough to read a rating plate, small enough for a phone on site. */
const MAX_SIDE = 2560;
const MAX_PIXELS = 120_000_000;

export type CleanPhoto = {
    bytes: Uint8Array<ArrayBuffer>;
    contentType: 'image/jpeg' | 'image/png';
    width: number;
    height: number;
    /** Lower-case hex. */
    sha256: string;
};

const HEIC = new Set([
    'image/heic',
    'image/heif',
    'image/heic-sequence',
    'image/heif-sequence',
    'image/avif'
]);

/** Refuses what can be seen to be no photo of ours without decoding it. Type by content, never by name. */
async function kindOf(bytes: Uint8Array): Promise<'image/jpeg' | 'image/png'> {
    if (bytes.byteLength === 0) throw problem('photo_empty');
    if (bytes.byteLength > MAX_PHOTO_BYTES) throw problem('photo_too_large');
    const kind = (await fileTypeFromBuffer(bytes))?.mime;
    if (kind !== undefined && HEIC.has(kind)) throw problem('photo_is_heic');
    if (kind === 'image/jpeg' || kind === 'image/png') return kind;
    throw problem('photo_type_not_allowed');
}

/**
 * Decodes a JPEG or PNG, turns it upright by its orientation, scales it down to 2560 px at most and encodes it anew, so
 * that nothing of the original but its pixels remains: no position, no camera, no appended file.
 * @throws {Problem} `photo_…`: why the file is refused.
 */
export async function cleanPhoto(bytes: Uint8Array): Promise<CleanPhoto> {
    const contentType = await kindOf(bytes);
    try {
        const upright: Sharp = sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: 'error' })
            .autoOrient()
            .resize({ width: MAX_SIDE, height: MAX_SIDE, fit: 'inside', withoutEnlargement: true })
            .toColourspace('srgb');
        const encoded =
            contentType === 'image/jpeg'
                ? upright.jpeg({ quality: 84 })
                : upright.png({ compressionLevel: 8 });
        const { data, info } = await encoded.toBuffer({ resolveWithObject: true });
        return {
            bytes: new Uint8Array(data),
            contentType,
            width: info.width,
            height: info.height,
            sha256: createHash('sha256').update(data).digest('hex')
        };
    } catch (cause) {
        throw problem('photo_unreadable', { cause });
    }
}
