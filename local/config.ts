// Reads supabase/config.toml. Values of the form env(NAME) stand for settings and are resolved here.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';

/** The parsed file with every env(NAME) resolved; each part of the stack parses what it uses. */
export type ProjectConfig = Record<string, unknown>;

const REFERENCE = /env\(([A-Z][A-Z0-9_]*)\)/g;

/** The project's settings file, unresolved, and the names it refers to. */
export function readConfig(projectDir: string): { raw: ProjectConfig; names: string[] } {
    const file = join(projectDir, 'supabase', 'config.toml');
    const raw = parse(readFileSync(file, 'utf8')) as ProjectConfig;
    const names = new Set<string>();
    for (const [, name = ''] of JSON.stringify(raw).matchAll(REFERENCE)) names.add(name);
    return { raw, names: [...names] };
}

/** Replaces every env(NAME); a name without a value becomes empty. */
export function resolveConfig(raw: ProjectConfig, env: Record<string, string>): ProjectConfig {
    const resolve = (value: unknown): unknown => {
        if (typeof value === 'string') return value.replace(REFERENCE, (_, name: string) => env[name] ?? '');
        if (Array.isArray(value)) return value.map(resolve);
        if (typeof value !== 'object' || value === null || value instanceof Date) return value;
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner)]));
    };
    return resolve(raw) as ProjectConfig;
}

const PlatformConfig = z.object({
    project_id: z.string().default('local'),
    api: z
        .object({
            schemas: z.array(z.string()).default(['public', 'graphql_public']),
            extra_search_path: z.array(z.string()).default(['public', 'extensions']),
            max_rows: z.number().int().positive().default(1000)
        })
        .prefault({}),
    db: z
        .object({
            major_version: z.literal(17, 'the embedded Postgres is version 17').default(17),
            seed: z
                .object({
                    enabled: z.boolean().default(true),
                    sql_paths: z.array(z.string()).default(['./seed.sql'])
                })
                .prefault({}),
            vault: z.record(z.string(), z.string()).default({})
        })
        .prefault({}),
    edge_runtime: z.object({ secrets: z.record(z.string(), z.string()).default({}) }).prefault({}),
    functions: z
        .record(
            z.string(),
            z.object({ enabled: z.boolean().default(true), verify_jwt: z.boolean().default(true) })
        )
        .default({})
});

export type PlatformConfig = z.infer<typeof PlatformConfig>;

/** The parts of config.toml that gateway, database and functions obey. */
export function platformConfig(config: ProjectConfig): PlatformConfig {
    const result = PlatformConfig.safeParse(config);
    if (result.success) return result.data;
    throw new Error(`supabase/config.toml can’t be used:\n${z.prettifyError(result.error)}`);
}

const StackManifest = z.object({
    /** Paths at the gateway that the Stripe stand-in sends its own events to. */
    stripeWebhooks: z.array(z.string()).default([]),
    /** The same for events of connected accounts. */
    connectWebhooks: z.array(z.string()).default([]),
    /** The web app's server module, run by `npm start`. */
    app: z.string().optional(),
    /** What people call the product. */
    title: z.string().optional(),
    /** The settings of config.toml that the web app is given; it sees none of the others. */
    appEnv: z.array(z.string()).default([]),
    /** Settings that follow from the stack: `{api}` is the gateway's address, `{control}` the control door's. */
    env: z.record(z.string(), z.string()).default({})
});

export type StackManifest = z.infer<typeof StackManifest>;

/** Field "stack" of package.json: what the project tells the stack about itself. */
export function readManifest(projectDir: string): StackManifest {
    const file = join(projectDir, 'package.json');
    const content = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { stack?: unknown }) : {};
    const result = StackManifest.safeParse(content.stack ?? {});
    if (result.success) return result.data;
    throw new Error(`Field "stack" of package.json can’t be used:\n${z.prettifyError(result.error)}`);
}
