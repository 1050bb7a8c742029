// Files that people send as photos: real ones from a phone, and what is none.
import sharp, { type Sharp } from 'sharp';

/** 40 × 20 as the sensor saw it: the left half red, the right half blue. */
const halves = (): Sharp =>
    sharp({ create: { width: 40, height: 20, channels: 3, background: '#ff0000' } }).composite([
        { input: { create: { width: 20, height: 20, channels: 3, background: '#0000ff' } }, left: 20, top: 0 }
    ]);

/** A word in the metadata that must not arrive, findable in the bytes whatever the reader. */
export const CAMERA = 'Spyglass 9000';

/** Taken upright with a phone in Todmorden: turned by orientation 6 and with its position. */
export const fromAPhone = (): Promise<Buffer> =>
    halves()
        .withExif({
            IFD0: { Make: CAMERA },
            IFD3: {
                GPSLatitudeRef: 'N',
                GPSLatitude: '53/1 42/1 49/1',
                GPSLongitudeRef: 'W',
                GPSLongitude: '2/1 5/1 48/1'
            }
        })
        .withMetadata({ orientation: 6 })
        .jpeg()
        .toBuffer();

export const screenshot = (): Promise<Buffer> =>
    halves()
        .withExif({ IFD0: { ImageDescription: CAMERA } })
        .png()
        .toBuffer();

/** The beginning of a HEIC file, by which it is known. */
export const heic = Buffer.concat([
    Buffer.from([0, 0, 0, 24]),
    Buffer.from('ftypheic\0\0\0\0mif1heic'),
    Buffer.alloc(2000)
]);

export const page = Buffer.from('<!doctype html><title>Photo</title><script>alert(1)</script>');
export const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
