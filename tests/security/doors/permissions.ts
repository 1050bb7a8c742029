// What each protected door asks for, as permissions.md says it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `/(app)/jobs load` → the permission, or `a person` where being signed in is enough. */
export function permissionsAsked(): Map<string, string> {
    const rows = readFileSync(join(import.meta.dirname, 'permissions.md'), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('| /') || line.startsWith('|  '))
        .map((line) =>
            line
                .split('|')
                .slice(1, -1)
                .map((cell) => cell.trim())
        );
    const asked = new Map<string, string>();
    let route = '';
    for (const [named = '', what = '', permission = ''] of rows) {
        route = named || route;
        asked.set(`${route} ${what}`, permission);
    }
    return asked;
}
