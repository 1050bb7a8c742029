// What a folder says it is made of: the ground of every tick on the security page.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sourceVersion } from '../../local/version.ts';

let folder = '';
const git = (...args: string[]): string =>
    execFileSync(
        'git',
        ['-C', folder, '-c', 'user.name=A Person', '-c', 'user.email=person@tests.example', ...args],
        {
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'ignore']
        }
    ).trim();

beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'version-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the version of a source', () => {
    it('is unknown without a commit, and where the folder only lies in somebody else’s checkout', () => {
        expect(sourceVersion(folder)).toEqual({ commit: null, dirty: false });
        git('init', '--quiet');
        expect(sourceVersion(folder)).toEqual({ commit: null, dirty: false });
        mkdirSync(join(folder, 'inner'));
        writeFileSync(join(folder, 'inner', 'file'), 'one');
        git('add', '.');
        git('commit', '--quiet', '--message', 'Begin');
        expect(sourceVersion(join(folder, 'inner'))).toEqual({ commit: null, dirty: false });
    });

    it('is the commit, as long as nothing differs from it', () => {
        const commit = git('rev-parse', 'HEAD');
        expect(sourceVersion(folder)).toEqual({ commit, dirty: false });

        writeFileSync(join(folder, 'inner', 'file'), 'two');
        expect(sourceVersion(folder)).toEqual({ commit, dirty: true });
        git('checkout', '--quiet', '.');
        expect(sourceVersion(folder)).toEqual({ commit, dirty: false });

        writeFileSync(join(folder, 'unknown'), 'new');
        expect(sourceVersion(folder)).toEqual({ commit, dirty: true });
    });

    it('does not mind what git is told to ignore', () => {
        rmSync(join(folder, 'unknown'));
        writeFileSync(join(folder, '.gitignore'), 'build/\n');
        git('add', '.');
        git('commit', '--quiet', '--message', 'Leave out what is built');
        mkdirSync(join(folder, 'build'));
        writeFileSync(join(folder, 'build', 'index.js'), '');
        expect(sourceVersion(folder)).toEqual({ commit: git('rev-parse', 'HEAD'), dirty: false });
    });
});
