import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const here = dirname(fileURLToPath(import.meta.url));
const sources = globSync('**/*.ts', { cwd: here })
    .filter((name) => !name.endsWith('.test.ts'))
    .map((name) => ({ name, text: readFileSync(join(here, name), 'utf8') }));
const manifest: unknown = JSON.parse(readFileSync(join(here, '../../package.json'), 'utf8'));
const { dependencies } = manifest as { dependencies: Record<string, string> };

describe('the edge functions', () => {
    it('read the secret key in one file only', () => {
        const readers = sources.filter(({ text }) => /SECRET_KEYS|SERVICE_ROLE|sb_secret/.test(text));
        expect(readers.map(({ name }) => name)).toEqual(['_shared/service.ts']);
    });

    it('never use the database’s own address', () => {
        expect(sources.filter(({ text }) => /SUPABASE_DB_URL|postgres(?:ql)?:\/\//.test(text))).toEqual([]);
    });

    it('import packages by the versions that package.json pins', () => {
        const imports = sources.flatMap(({ text }) => [
            ...text.matchAll(/from 'npm:(@?[^@']+)@([^'/]+)(?:\/[^']+)?'/g)
        ]);
        expect(imports.length).toBeGreaterThan(5);
        for (const [, name = '', version] of imports) {
            expect(version, name).toBe(dependencies[name]);
        }
    });

    it('import nothing else from outside but the pure rules of the domain', () => {
        const outside = sources.flatMap(({ text }) =>
            [...text.matchAll(/from '([^']+)'/g)]
                .map(([, from = '']) => from)
                .filter((from) => !/^(npm:|\.{1,2}\/(?!\.\.))/.test(from))
        );
        expect(
            outside.filter(
                (from) => !/^((\.\.\/){3,4}src\/lib\/domain\/|node:(buffer|crypto|net)$)/.test(from)
            )
        ).toEqual([]);
    });
});
