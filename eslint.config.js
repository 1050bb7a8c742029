import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** One arrow of the house that must not be drawn: files that import, and what they may not. */
const forbid = (files, patterns, ignores = []) => ({
    files,
    ignores,
    rules: { 'no-restricted-imports': ['error', { patterns }] }
});

export default defineConfig(
    {
        ignores: [
            'build/',
            '.svelte-kit/',
            '.local/',
            'node_modules/',
            'test-results/',
            'src/lib/database.types.ts'
        ]
    },
    js.configs.recommended,
    ...ts.configs.strict,
    ...svelte.configs.recommended,
    {
        languageOptions: { globals: { ...globals.node, ...globals.browser } },
        linterOptions: { reportUnusedDisableDirectives: 'error' },
        rules: {
            'no-undef': 'off',
            eqeqeq: ['error', 'always', { null: 'ignore' }],
            '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
            '@typescript-eslint/no-unused-vars': [
                'error',
                { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }
            ],
            '@typescript-eslint/no-invalid-void-type': 'off',
            'no-restricted-syntax': [
                'error',
                {
                    selector: 'ExportDefaultDeclaration[declaration.type="FunctionDeclaration"]',
                    message: 'Name it and export it by name.'
                }
            ]
        }
    },
    {
        files: ['**/*.svelte', '**/*.svelte.ts'],
        languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
        rules: { 'svelte/no-navigation-without-resolve': 'off' }
    },
    {
        files: ['supabase/functions/**', 'local/functions/host.ts'],
        languageOptions: { globals: { Deno: 'readonly' } }
    },
    { files: ['tests/**', '**/*.test.ts'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
    forbid(
        ['src/lib/domain/**/*.ts'],
        [{ regex: '^(?!\\./|fast-check$|vitest$)', message: 'lib/domain imports nothing but itself.' }]
    ),
    // The rules are handed SHA-256 by whoever uses them; a test is such a user.
    forbid(
        ['src/lib/domain/**/*.test.ts'],
        [
            {
                regex: '^(?!\\./|fast-check$|vitest$|node:crypto$)',
                message: 'lib/domain imports nothing but itself.'
            }
        ]
    ),
    forbid(
        ['src/**'],
        [
            {
                regex: '(^|/)(local|supabase/functions|tests)/',
                message: 'src/ knows nothing of local/, tests/ or the functions.'
            }
        ],
        ['src/lib/domain/**']
    ),
    forbid(
        ['src/lib/ui/**'],
        [{ regex: 'lib/server|routes/', message: 'lib/ui takes data and callbacks, it never fetches.' }]
    ),
    forbid(
        ['local/**/*.ts'],
        [
            {
                regex: '(^\\$lib|/(src|supabase)/)',
                message: 'local/ knows Supabase’s interfaces and nothing of the product.'
            }
        ]
    ),
    forbid(
        ['supabase/functions/**/*.ts'],
        [
            {
                regex: '(^\\$lib|/src/(?!lib/domain/)|/local/)',
                message: 'An edge function shares lib/domain with the app and nothing else.'
            }
        ]
    )
);
