// Every address that answers: the routes, read off their folder, and the files of the built client.
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { projectDir } from '../../support/stack.ts';

/** What stands in a route's [brackets]. */
export type Ids = Record<string, string>;

/** The address of every page and endpoint. Throws when a parameter has no value. */
export function routeAddresses(ids: Ids): string[] {
    const routes = join(projectDir, 'src/routes');
    const folders = readdirSync(routes, { recursive: true, withFileTypes: true })
        .filter(({ name }) => /^\+(page\.svelte|page\.server\.ts|server\.ts)$/.test(name))
        .map(({ parentPath }) => relative(routes, parentPath).split(sep));
    const addresses = folders.map((parts) => {
        const path = parts
            .filter((part) => part !== '' && !/^\(.+\)$/.test(part))
            .join('/')
            // A character that a folder's name may not begin with, written as the framework wants it.
            .replace(/\[x\+([0-9a-f]{2})\]/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
        return `/${path.replace(/\[(?:\.\.\.)?(\w+)(?:=\w+)?\]/g, (_, name: string) => {
            const id = ids[name];
            if (id === undefined) throw new Error(`No value for [${name}] of /${path}: give the crawl one.`);
            return id;
        })}`;
    });
    return [...new Set(addresses)].sort();
}

/** The address of every file of the built client, the smaller copies for browsers that unpack left out. */
export function fileAddresses(): string[] {
    const client = join(projectDir, 'build/client');
    return readdirSync(client, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !/\.(br|gz)$/.test(entry.name))
        .map((entry) => `/${relative(client, join(entry.parentPath, entry.name)).split(sep).join('/')}`)
        .sort();
}
