// A small Supabase project made for one test: its own settings, migrations and functions, our packages.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { projectDir } from './stack.ts';

export type Fixture = { dir: string; write(file: string, content: string): void; forget(): void };

/** `files` by their path in the project; config.toml and package.json have short defaults. */
export function aProject(files: Record<string, string>): Fixture {
    const dir = mkdtempSync(join(tmpdir(), 'project-'));
    const write = (file: string, content: string) => {
        mkdirSync(dirname(join(dir, file)), { recursive: true });
        writeFileSync(join(dir, file), content);
    };
    symlinkSync(join(projectDir, 'node_modules'), join(dir, 'node_modules'));
    const defaults = {
        'package.json': '{"name": "fixture", "private": true}',
        'supabase/config.toml': 'project_id = "fixture"\n'
    };
    for (const [file, content] of Object.entries({ ...defaults, ...files })) write(file, content);
    return { dir, write, forget: () => rmSync(dir, { recursive: true, force: true }) };
}
