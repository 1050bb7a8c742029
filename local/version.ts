// Which source stands in a folder: its commit, and whether anything differs from it.

import { execFileSync } from 'node:child_process';

export type SourceVersion = {
    /** The commit that is checked out; null where the folder is no checkout of its own, or there is no git. */
    commit: string | null;
    /** Does a file differ from the commit, or stand there without being in it? Nobody else can look such a source up. */
    dirty: boolean;
};

/** Asks git about the folder itself, never about a repository that it only happens to lie in. */
export function sourceVersion(folder: string): SourceVersion {
    // Whose folder it is does not matter: its scripts run as us anyway.
    const git = (...args: string[]): string =>
        execFileSync('git', ['-C', folder, '-c', 'safe.directory=*', ...args], {
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'ignore'],
            maxBuffer: 64 * 1024 * 1024
        });
    try {
        const [prefix, commit = ''] = git('rev-parse', '--show-prefix', 'HEAD').split('\n');
        if (prefix !== '' || !/^[0-9a-f]{40}$/.test(commit)) return { commit: null, dirty: false };
        return { commit, dirty: git('status', '--porcelain', '--untracked-files=normal').trim() !== '' };
    } catch {
        return { commit: null, dirty: false };
    }
}
