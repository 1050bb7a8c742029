import exifr from 'exifr';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { cleanPhoto, MAX_PHOTO_BYTES } from './photos.ts';

/** 40 x 20: the left half red, the right half blue. */
const halves = () =>
    sharp({ create: { width: 40, height: 20, channels: 3, background: '#ff0000' } }).composite([
        { input: { create: { width: 20, height: 20, channels: 3, background: '#0000ff' } }, left: 20, top: 0 }
    ]);

const jpegFromAPhone = () =>
    halves()
        .withExif({
            IFD0: { Make: 'Phone' },
            IFD3: {
                GPSLatitudeRef: 'N',
                GPSLatitude: '51/1 30/1 0/1',
                GPSLongitudeRef: 'W',
                GPSLongitude: '0/1 7/1 0/1'
            }
        })
        .withMetadata({ orientation: 6 })
        .jpeg()
        .toBuffer();

describe('[FILE-4] a photo is known by its content', () => {
    it('turns a JPEG upright and leaves no position in it', async () => {
        const given = await sharp(await jpegFromAPhone()).metadata();
        expect(given.orientation).toBe(6);
        expect(given.exif).toBeDefined();

        const photo = await cleanPhoto(await jpegFromAPhone());
        expect([photo.width, photo.height, photo.contentType]).toEqual([20, 40, 'image/jpeg']);
        const kept = await sharp(photo.bytes).metadata();
        expect([kept.exif, kept.iptc, kept.xmp, kept.orientation]).toEqual([
            undefined,
            undefined,
            undefined,
            undefined
        ]);
        expect(await exifr.gps(Buffer.from(photo.bytes)).catch(() => undefined)).toBeUndefined();
        const { data } = await sharp(photo.bytes).raw().toBuffer({ resolveWithObject: true });
        expect(data[0], 'orientation 6 puts the left half on top').toBeGreaterThan(200);
    });

    it('keeps a PNG a PNG and drops its text', async () => {
        const given = await halves()
            .withExif({ IFD0: { ImageDescription: 'at home' } })
            .png()
            .toBuffer();
        const photo = await cleanPhoto(given);
        expect([photo.width, photo.height, photo.contentType]).toEqual([40, 20, 'image/png']);
        expect(Buffer.from(photo.bytes).includes('at home')).toBe(false);
    });

    it('drops a page that hides behind a real photo', async () => {
        const polyglot = Buffer.concat([
            await halves().jpeg().toBuffer(),
            Buffer.from('<script>alert(1)</script>')
        ]);
        const photo = await cleanPhoto(polyglot);
        expect(Buffer.from(photo.bytes).includes('<script>')).toBe(false);
    });

    const heic = Buffer.concat([
        Buffer.from([0, 0, 0, 24]),
        Buffer.from('ftypheic\0\0\0\0mif1heic'),
        Buffer.alloc(64)
    ]);
    it.each([
        ['a file of 0 bytes', Buffer.alloc(0), 'photo_empty'],
        [
            'a page named .jpg',
            Buffer.from('<!doctype html><script>alert(1)</script>'),
            'photo_type_not_allowed'
        ],
        ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'photo_type_not_allowed'],
        ['HEIC', heic, 'photo_is_heic'],
        ['more than 50 MB', Buffer.alloc(MAX_PHOTO_BYTES + 1), 'photo_too_large'],
        ['a JPEG cut in the middle', Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]), 'photo_unreadable']
    ])('refuses %s with a sentence', async (_, bytes, code) => {
        await expect(cleanPhoto(bytes)).rejects.toMatchObject({
            code,
            message: expect.stringMatching(/^This .*\.$/)
        });
    });
});
