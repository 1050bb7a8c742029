import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
    root: at('..'),
    resolve: { alias: { $lib: at('../src/lib') } },
    test: {
        include: ['src/**/*.test.ts', 'supabase/**/*.test.ts', 'tests/**/*.test.ts'],
        environment: 'node',
        testTimeout: 30_000,
        hookTimeout: 60_000,
        maxWorkers: 2,
        passWithNoTests: false,
        // A title that holds a value holds all of it: the ledger of promises names tests by their whole titles.
        taskTitleValueFormatTruncate: 0
    }
});
