// What a route asks for is a decision; permissions.md is where a person reads it.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { routeGuards } from '../../src/lib/server/route-guards.ts';
import { projectDir } from '../support/stack.ts';
import { permissionsAsked } from './doors/permissions.ts';

test('[ACC-2] every protected door asks for just the permission that permissions.md says', () => {
    const declared = routeGuards(join(projectDir, 'src/routes')).map(
        ({ route, what, permission }) => `${route} ${what}: ${permission ?? 'a person'}`
    );
    const asked = [...permissionsAsked()].map(([door, permission]) => `${door}: ${permission}`);
    expect(declared.toSorted()).toEqual(asked.toSorted());
});
