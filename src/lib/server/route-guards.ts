/**
 * Reads the routes and finds what stands there without a declared guard, so that a build fails instead of a page
 * being open by mistake. Everything is protected but the folders named here; a load, action or endpoint counts
 * as guarded when it is written as a call of one of guard.ts. Also the table of routes that tests walk along.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parseSync, type Plugin } from 'vite';

/** Top folders of src/routes that anybody may open. */
const open = ['(public)', '(auth)', 'portal', 'p', 'design'];

const guards = /^(protected|person|platform)(Load|Action|Endpoint)$/;
/** Where platform owners work: what stands there asks for one of them, and nothing else asks for one. */
const platformFolder = 'admin';
const methods = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|fallback)$/;

/** One thing that a caller can reach under a protected folder. */
export type RouteGuard = {
    /** Route id, `/(app)/jobs/[id]`. */
    route: string;
    /** `load`, `action:issue`, `POST`. */
    what: string;
    /** Name of the guard that makes it, or null when there is none. */
    guard: string | null;
    /** The declared permission, `platform` for those who run TradersFlow; null for a guard that asks only for a person. */
    permission: string | null;
};

/** The parts of the syntax tree that are looked at. */
type Node = { type: string } & Record<string, unknown>;

const isNode = (value: unknown): value is Node =>
    typeof value === 'object' && value !== null && 'type' in value;
const nodes = (value: unknown): Node[] => (Array.isArray(value) ? value.filter(isNode) : []);
const nameOf = (value: unknown): string => {
    if (!isNode(value)) return '';
    return String(value.name ?? value.value ?? '');
};

/** Looks through `x satisfies T` and `x as T`. */
function bare(value: unknown): Node | null {
    if (!isNode(value)) return null;
    return /^TS(Satisfies|As)Expression$/.test(value.type) ? bare(value.expression) : value;
}

function guardOf(value: unknown): Pick<RouteGuard, 'guard' | 'permission'> {
    const call = bare(value);
    const name = call?.type === 'CallExpression' ? nameOf(call.callee) : '';
    if (!call || !guards.test(name)) return { guard: null, permission: null };
    if (name.startsWith('platform')) return { guard: name, permission: 'platform' };
    const first = nodes(call.arguments)[0];
    const permission = name.startsWith('protected') && first?.type === 'Literal' ? nameOf(first) : null;
    // A permission that is no literal cannot be read here, and therefore not be reviewed either.
    return name.startsWith('protected') && permission === null
        ? { guard: null, permission }
        : { guard: name, permission };
}

function actionsOf(value: unknown): Omit<RouteGuard, 'route'>[] {
    const object = bare(value);
    if (object?.type !== 'ObjectExpression') return [{ what: 'actions', guard: null, permission: null }];
    return nodes(object.properties).map((property) => ({
        what: `action:${property.type === 'Property' ? nameOf(property.key) : '…'}`,
        ...guardOf(property.type === 'Property' ? property.value : null)
    }));
}

/** What one server file of a route offers, each with its guard. */
export function guardsIn(file: string, source: string): Omit<RouteGuard, 'route'>[] {
    const isEndpoint = /\+server\.[tj]s$/.test(file);
    const found: Omit<RouteGuard, 'route'>[] = [];
    const { program } = parseSync(file, source);
    for (const statement of nodes(program.body)) {
        if (statement.type === 'ExportAllDeclaration') {
            found.push({ what: 'export *', guard: null, permission: null });
        }
        if (statement.type !== 'ExportNamedDeclaration' || statement.exportKind === 'type') continue;
        for (const { exported } of nodes(statement.specifiers) as { exported?: unknown }[]) {
            // Re-exported under a name that is called: the guard stands somewhere else, so it does not count.
            const name = nameOf(exported);
            if (name === 'load' || name === 'actions' || methods.test(name)) {
                found.push({ what: name, guard: null, permission: null });
            }
        }
        const declaration = statement.declaration;
        if (!isNode(declaration)) continue;
        if (declaration.type === 'FunctionDeclaration') {
            const name = nameOf(declaration.id);
            if (name === 'load' || (isEndpoint && methods.test(name))) {
                found.push({ what: name, guard: null, permission: null });
            }
        }
        for (const declarator of nodes(declaration.declarations)) {
            const name = nameOf(declarator.id);
            if (name === 'actions') found.push(...actionsOf(declarator.init));
            else if (name === 'load' || (isEndpoint && methods.test(name))) {
                found.push({ what: name, ...guardOf(declarator.init) });
            }
        }
    }
    return found;
}

/**
 * Every load, action and endpoint under the protected folders. A page without a load on the server has no guard of
 * its own: when somebody moves from page to page, only the parts that changed are asked for again.
 */
export function routeGuards(routesFolder: string): RouteGuard[] {
    const files = readdirSync(routesFolder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.startsWith('+'))
        .map((entry) => ({ name: entry.name, path: join(entry.parentPath, entry.name) }));
    const paths = new Set(files.map(({ path }) => path));
    const table: RouteGuard[] = [];
    for (const { name, path } of files) {
        const folder = relative(routesFolder, join(path, '..')).split(sep).join('/');
        const route = `/${folder}`;
        if (folder === '' || open.includes(folder.split('/', 1)[0] ?? '')) continue;
        if (/^\+((page|layout)\.)?server\.[tj]s$/.test(name)) {
            const offered = guardsIn(path, readFileSync(path, 'utf8'));
            table.push(...offered.map((entry) => ({ route, ...inItsPlace(folder, entry) })));
            if (name.startsWith('+page') && !offered.some(({ what }) => what === 'load')) {
                table.push({ route, what: 'load', guard: null, permission: null });
            }
        } else if (name === '+page.svelte' && !paths.has(join(path, '..', '+page.server.ts'))) {
            table.push({ route, what: 'load', guard: null, permission: null });
        }
    }
    return table.sort((a, b) => `${a.route} ${a.what}`.localeCompare(`${b.route} ${b.what}`));
}

/** A guard for platform owners stands under their folder, and no other does; one that is out of its place is none. */
function inItsPlace(folder: string, entry: Omit<RouteGuard, 'route'>): Omit<RouteGuard, 'route'> {
    const isTheirs = folder.split('/', 1)[0] === platformFolder;
    return isTheirs === (entry.permission === 'platform') ? entry : { ...entry, guard: null };
}

/** Sentence for a build that must not be. */
function complaint(unguarded: readonly RouteGuard[]): string {
    const list = unguarded.map(({ route, what }) => `  ${route}: ${what}`).join('\n');
    return `These stand under a protected folder and declare no guard (see src/lib/server/guard.ts):\n${list}`;
}

/** Stops a build, and warns the development server, when a protected route declares no guard. */
export function demandGuards(routesFolder: string): Plugin {
    return {
        name: 'tradersflow:demand-guards',
        buildStart() {
            const unguarded = routeGuards(routesFolder).filter(({ guard }) => guard === null);
            if (unguarded.length === 0) return;
            if (this.meta.watchMode) this.warn(complaint(unguarded));
            else this.error(complaint(unguarded));
        }
    };
}
