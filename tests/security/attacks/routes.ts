// Every action and endpoint that somebody can send something to, and every page, read off the routes.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { guardsIn } from '../../../src/lib/server/route-guards.ts';
import { projectDir } from '../../support/stack.ts';

/** A way into a route, with an address that leads there. */
export type Address = {
    /** Route and what of it: `/(auth)/sign-in action:default`. */
    door: string;
    /** POST for an action. */
    method: string;
    path: string;
    /** The route's own code. */
    source: string;
};

const WRITES = /^(POST|PUT|PATCH|DELETE)$/;

/** Those of every route, open ones included. An id in an address is one of nothing. */
function addresses(): Address[] {
    const folder = join(projectDir, 'src/routes');
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter(({ name }) => /^\+(page\.)?server\.ts$/.test(name))
        .map((entry) => join(entry.parentPath, entry.name));
    return files.flatMap((file) => {
        const route = `/${relative(folder, join(file, '..')).split(sep).join('/')}`;
        const path = route
            .replace(/\/\([^)]+\)/g, '')
            .replace(/\[x\+2e\]/g, '.')
            .replace(/\[[^\]]+\]/g, randomUUID());
        const source = readFileSync(file, 'utf8');
        return guardsIn(file, source).map(({ what }) => ({
            door: `${route} ${what}`,
            method: what.startsWith('action:') ? 'POST' : what === 'load' ? 'GET' : what,
            path: `${path || '/'}${/^action:(?!default)/.test(what) ? `?/${what.slice('action:'.length)}` : ''}`,
            source
        }));
    });
}

/** What takes something. */
export const writes = (): Address[] => addresses().filter(({ method }) => WRITES.test(method));

/** What only shows something. */
export const reads = (): Address[] => addresses().filter(({ method }) => method === 'GET');
