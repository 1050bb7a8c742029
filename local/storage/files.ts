// Bytes on disk: one file per version, named by the version's uuid, written once and never changed. Nothing a caller
// sends becomes part of a path. Knows nothing of buckets, names or rights.
import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

/** What arrived: the version that names it, its length in bytes and its MD5 in hex. */
export type Received = { version: string; size: number; md5: string };

/** Raised by {@link FileStore.receive} when the limit is passed; nothing of that upload is left then. */
export class TooLarge extends Error {}

export type FileStore = Awaited<ReturnType<typeof fileStore>>;

/** How much of a refused body is still read, so that a client which listens only after sending hears the refusal. */
const discardLimit = 64 * 1024 * 1024;

/** The version files under a folder, which is made when missing. */
export async function fileStore(folder: string) {
    const incoming = join(folder, 'incoming');
    await mkdir(incoming, { recursive: true });

    const shardOf = (version: string) => join(folder, version.slice(0, 2));
    const pathOf = (version: string) => join(shardOf(version), version);

    /** Moves a finished file to its place; it survives a crash once this returns. */
    async function keep(temporary: string, version: string): Promise<void> {
        await mkdir(shardOf(version), { recursive: true });
        await rename(temporary, pathOf(version));
        await syncFolder(shardOf(version));
    }

    return {
        /**
         * Writes a stream to disk under a new version. When it returns, the bytes are durable; when it throws, the
         * limit was passed ({@link TooLarge}) or the stream broke, and nothing is left.
         */
        async receive(source: Readable, limit: number): Promise<Received> {
            const version = randomUUID();
            const temporary = join(incoming, version);
            const hash = createHash('md5');
            let size = 0;
            const file = await open(temporary, 'wx', 0o600);
            try {
                for await (const chunk of source) {
                    const bytes: Buffer = chunk;
                    size += bytes.length;
                    if (size > limit + discardLimit) break;
                    if (size > limit) continue;
                    hash.update(bytes);
                    await file.writeFile(bytes);
                }
                if (size > limit) throw new TooLarge();
                await file.sync();
            } catch (error) {
                await file.close();
                await rm(temporary, { force: true });
                throw error;
            }
            await file.close();
            await keep(temporary, version);
            return { version, size, md5: hash.digest('hex') };
        },

        /** The same bytes under a new version, without copying them: a version's bytes never change. */
        async duplicate(version: string): Promise<string> {
            const copy = randomUUID();
            const temporary = join(incoming, copy);
            await link(pathOf(version), temporary);
            await keep(temporary, copy);
            return copy;
        },

        /** Reads a version, or the part of it from `start` to `end` (both included). */
        async read(version: string, range?: { start: number; end: number }): Promise<ReadableStream> {
            const file = await open(pathOf(version), 'r');
            return Readable.toWeb(file.createReadStream(range)) as ReadableStream;
        },

        /** Removes versions; one that is already gone is no fault. */
        async remove(versions: readonly string[]): Promise<void> {
            for (const version of versions) await rm(pathOf(version), { force: true });
        },

        /**
         * Removes what a crash left behind: unfinished uploads, and versions of which `known` does not say that a row
         * has them. To be called before the first request only, since an upload's bytes come before its row.
         */
        async sweep(known: (versions: string[]) => Promise<ReadonlySet<string>>): Promise<number> {
            let removed = 0;
            for (const name of await readdir(incoming)) {
                await rm(join(incoming, name), { force: true });
                removed += 1;
            }
            for (const shard of await readdir(folder)) {
                if (!/^[0-9a-f]{2}$/.test(shard)) continue;
                const versions = await readdir(join(folder, shard));
                if (versions.length === 0) continue;
                const kept = await known(versions);
                const orphans = versions.filter((version) => !kept.has(version));
                await this.remove(orphans);
                removed += orphans.length;
            }
            return removed;
        }
    };
}

/** Reads and forgets the rest of a refused body, up to a bound. */
export async function discard(source: Readable): Promise<void> {
    let size = 0;
    try {
        for await (const chunk of source) {
            size += (chunk as Buffer).length;
            if (size > discardLimit) break;
        }
    } catch {
        // The sender went away; there is nobody left to tell.
    }
}

async function syncFolder(folder: string): Promise<void> {
    const handle = await open(folder, 'r');
    try {
        await handle.sync();
    } finally {
        await handle.close();
    }
}
