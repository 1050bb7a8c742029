// Looks up what the ledger names in the source: declarations, route guards, headers, settings of the auth server.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { parseSync } from 'vite';
import { securityHeaders } from '../../src/lib/server/headers.ts';
import { routeGuards, type RouteGuard } from '../../src/lib/server/route-guards.ts';
import type { SourceObject } from '../../src/lib/promises/types.ts';
import type { Looked } from './judge.ts';

type Node = { type: string } & Record<string, unknown>;
const isNode = (value: unknown): value is Node =>
    typeof value === 'object' && value !== null && 'type' in value;
const nodes = (value: unknown): Node[] => (Array.isArray(value) ? value.filter(isNode) : []);
const nameOf = (value: unknown): string => (isNode(value) ? String(value.name ?? '') : '');

/** The names that one declaration makes: `const { A, B } = …` makes two. */
function namesOf(target: unknown): string[] {
    if (!isNode(target) || target.type !== 'ObjectPattern') return [nameOf(target)];
    return nodes(target.properties).map((property) => nameOf(property.value));
}

/** The names that a module declares at its top level; `default` for what it exports by default. */
function declaredIn(file: string): string[] {
    const { program } = parseSync(file, readFileSync(file, 'utf8'));
    return nodes(program.body).flatMap((statement) => {
        if (statement.type === 'ExportDefaultDeclaration') return ['default'];
        const declaration = isNode(statement.declaration) ? statement.declaration : statement;
        return [
            nameOf(declaration.id),
            ...nodes(declaration.declarations).flatMap((declarator) => namesOf(declarator.id))
        ].filter((name) => name !== '');
    });
}

const told = ({ route, what, guard, permission }: RouteGuard): string =>
    `${route} ${what}: ${permission === null ? guard : `${guard}('${permission}')`}`;

function code(root: string, file: string, name: string): Looked {
    const path = join(root, file);
    if (!existsSync(path)) return { problem: `there is no file ${file}` };
    if (!declaredIn(path).includes(name)) return { problem: `${file} declares no ${name}` };
    return { found: [{ name: `${file} · ${name}`, text: '' }] };
}

function setting(root: string, key: string, value: string | number | boolean): Looked {
    let at: unknown = parse(readFileSync(join(root, 'supabase', 'config.toml'), 'utf8'));
    for (const part of key.split('.'))
        at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined;
    if (at !== value)
        return { problem: `supabase/config.toml has ${key} = ${String(at)}, not ${String(value)}` };
    return { found: [{ name: `supabase/config.toml · ${key} = ${String(value)}`, text: '' }] };
}

/** Looks one up under the project's folder. */
export function lookUpSource(root: string, object: SourceObject): Looked {
    const routes = (): RouteGuard[] => routeGuards(join(root, 'src', 'routes'));
    switch (object.kind) {
        case 'code':
            return code(root, object.file, object.name);
        case 'setting':
            return setting(root, object.key, object.value);
        case 'header': {
            const [, value] =
                securityHeaders({ requestId: '', overTls: true }).find(([name]) => name === object.name) ??
                [];
            if (value === undefined || !value.includes(object.value))
                return { problem: `no answer carries ${object.name}: ${object.value}` };
            return { found: [{ name: `${object.name}: ${object.value}`, text: '' }] };
        }
        case 'route guard': {
            const guard = routes().find(({ route, what }) => route === object.route && what === object.what);
            if (guard?.permission !== object.permission)
                return {
                    problem: `${object.route} ${object.what} is not guarded by ${object.permission}`
                };
            return { found: [{ name: told(guard), text: '' }] };
        }
        case 'every route guard': {
            const guards = routes();
            const without = guards.filter(({ guard }) => guard === null);
            if (without.length > 0 || guards.length < object.atLeast)
                return {
                    problem: `${guards.length} loads, actions and endpoints, ${without.length} of them unguarded; there must be ${object.atLeast}`
                };
            return { found: guards.map((guard) => ({ name: told(guard), text: '' })) };
        }
    }
}
