// Mutants of the routes: each declared guard left out, weakened to any signed-in person, or asking for another permission.
// They are made of the source in memory. Whether a guard that is declared does refuse is for doors.test.ts, which takes the
// guards out of a build; here is asked whether a wrong declaration would be noticed.
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { guardsIn, routeGuards } from '../../src/lib/server/route-guards.ts';
import { permissionsAsked } from '../security/doors/permissions.ts';
import { projectDir } from '../support/stack.ts';
import type { Verdict } from './hunt.ts';
import type { Kind } from './mutant.ts';

export type RouteMutant = {
    kind: Kind;
    /** `/(app)/jobs action:move`. */
    object: string;
    what: string;
    file: string;
    source: string;
};

const routes = join(projectDir, 'src', 'routes');
const CALL = /\b(protected|person|platform)(Load|Action|Endpoint)\(\s*(?:'([^']*)'\s*,\s*)?/g;

/** Every guard of every protected route, mutated. */
export function routeMutants(): RouteMutant[] {
    const guarded = new Set(routeGuards(routes).map(({ route }) => route));
    const files = readdirSync(routes, { recursive: true, withFileTypes: true })
        .filter(({ name }) => /^\+((page|layout)\.)?server\.ts$/.test(name))
        .map(({ parentPath, name }) => ({
            route: `/${relative(routes, parentPath).split(sep).join('/')}`,
            name
        }))
        .filter(({ route }) => guarded.has(route))
        .sort((a, b) => a.route.localeCompare(b.route));
    return files.flatMap(({ route, name }) => mutantsOf(route, join(routes, route, name)));
}

function mutantsOf(route: string, file: string): RouteMutant[] {
    const source = readFileSync(file, 'utf8');
    const guards = guardsIn(file, source);
    const calls = [...source.matchAll(CALL)];
    if (calls.length !== guards.length)
        throw new Error(`${file} calls ${calls.length} guards and declares ${guards.length}.`);
    return guards.flatMap(({ what: door }, i) => {
        const call = calls[i];
        if (!call) return [];
        const [text, asks = '', makes = '', permission] = call;
        const made = (what: string, instead: string): RouteMutant => ({
            kind: 'route',
            object: `${route} ${door}`,
            what,
            file,
            source: source.slice(0, call.index) + instead + source.slice(call.index + text.length)
        });
        const other = permission === 'customers.read' ? 'jobs.read' : 'customers.read';
        return [
            made('without its guard', `open${makes}(`),
            ...(asks === 'platform' ? [made('for anybody who is signed in', `person${makes}(`)] : []),
            ...(asks === 'protected'
                ? [
                      made('for anybody who is signed in', `person${makes}(`),
                      made(`asks for ${other}`, `protected${makes}('${other}', `)
                  ]
                : [])
        ];
    });
}

/** Does the build refuse it, or the table of what each door asks for? */
export function tryRoutes(mutants: readonly RouteMutant[]): Verdict[] {
    const asked = permissionsAsked();
    return mutants.map((mutant) => {
        const began = performance.now();
        const route = mutant.object.slice(0, mutant.object.lastIndexOf(' '));
        const now = guardsIn(mutant.file, mutant.source);
        const open = now.find(({ guard }) => guard === null);
        const wrong = now.find(
            ({ what, permission }) => asked.get(`${route} ${what}`) !== (permission ?? 'a person')
        );
        const killedBy = open ? 'the build (route-guards.ts)' : wrong ? 'permissions.md' : null;
        const failure = open
            ? `${open.what} declares no guard`
            : wrong
              ? `${wrong.what} asks for ${String(wrong.permission)}`
              : null;
        return { mutant, killedBy, failure, milliseconds: performance.now() - began };
    });
}
