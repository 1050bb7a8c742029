// What a name, a size and a declared type may be. Pure rules; no request, no database.
import { refusal } from './errors.ts';

/** The project's limit when config.toml says nothing. */
const defaultSizeLimit = 50 * 1024 * 1024;
const objectKey = /^[A-Za-z0-9_/!.*'() &$@=;:+,?-]+$/;
const bucketName = /^[A-Za-z0-9_!.*'() &$@=;:+,?-]{1,100}$/;
const mimeType = /^([a-zA-Z0-9\-+.]+)\/([a-zA-Z0-9\-+.]+)(;\s*charset=[a-zA-Z0-9-]+)?$|\*$/;

/** Refuses a key with characters that storage does not take. */
export function checkKey(key: string): void {
    if (!objectKey.test(key)) throw refusal('InvalidKey', `Invalid key: ${key}`);
}

/** Refuses a bucket's name that is too long, starts or ends with a space, or has other characters. */
export function checkBucketName(name: string): void {
    if (!bucketName.test(name) || name.trim() !== name) throw refusal('InvalidBucketName');
}

/** Refuses a list of allowed types in which one is no type. */
export function checkMimeTypes(types: readonly string[]): void {
    for (const type of types) {
        if (type.length > 1000 || !mimeType.test(type)) throw refusalOfType(type);
    }
}

/** Refuses a declared type that a bucket's list does not hold; `image/*` in the list takes every image. */
export function checkDeclaredType(declared: string, allowed: readonly string[]): void {
    const [type, subtype] = declared.split('/');
    const listed = allowed.some((entry) => {
        const [allowedType, allowedSubtype] = entry.split('/');
        return allowedType === type && (allowedSubtype === '*' || allowedSubtype === subtype);
    });
    if (subtype === undefined || !listed) throw refusalOfType(declared);
}

/** A folder that the dashboard made: a file of this name, which must be empty. */
export function isFolderPlaceholder(key: string): boolean {
    return key.endsWith('.emptyFolderPlaceholder');
}

/** The project's size limit from config.toml ("50MiB"); there, as in the CLI, MB and MiB both count by 1024. */
export function projectSizeLimit(setting: string | number | undefined): number {
    if (setting === undefined) return defaultSizeLimit;
    if (typeof setting === 'number') return setting;
    const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(setting.trim());
    if (!match?.[1]) throw new Error(`storage.file_size_limit in config.toml is no size: ${setting}`);
    const power = ['', 'k', 'm', 'g', 't'].indexOf((match[2] ?? '').toLowerCase());
    return Math.floor(Number(match[1]) * 1024 ** power);
}

/** A bucket's own limit in bytes; as text ("5MB") it counts by 1000. No bucket may take more than the project. */
export function bucketSizeLimit(setting: string | number, projectLimit: number): number {
    const bytes = typeof setting === 'number' ? setting : parseDecimalSize(setting);
    if (bytes > projectLimit) throw refusal('EntityTooLarge');
    return bytes;
}

function parseDecimalSize(text: string): number {
    const match = /^(\d+(?:\.\d+)?)(gb|mb|kb|b)$/i.exec(text);
    if (!match?.[1] || !match[2]) {
        throw refusal('InvalidRequest', 'Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B');
    }
    const power = ['b', 'kb', 'mb', 'gb'].indexOf(match[2].toLowerCase());
    return Number(Number(match[1]).toPrecision(3)) * 1000 ** power;
}

function refusalOfType(type: string) {
    return refusal('InvalidMimeType', `mime type ${type} is not supported`);
}
