// Every mutant of the database, read from its catalog as it stands.
import type { Sql } from 'postgres';
import { KINDS, nameOf } from '../mutant.ts';
import type { Mutant } from '../mutant.ts';
import { defaultPrivileges, grants, policies, rowLevelSecurity } from './access.ts';
import { classification, roles, states } from './classes.ts';
import { bodies, settings } from './functions.ts';
import { constraints, eventTriggers, keys, notNulls, triggers } from './rules.ts';

const READERS = [
    ...[policies, rowLevelSecurity, grants, defaultPrivileges],
    ...[triggers, eventTriggers, keys, constraints, notNulls],
    ...[settings, bodies, classification, states, roles]
];

/** The mutants of the database behind `sql`, each under a name of its own, in the order of their kinds. */
export async function mutantsOf(sql: Sql): Promise<Mutant[]> {
    const found: Mutant[] = [];
    // Names are written in full, whoever's search path it is.
    await sql`set search_path = ''`;
    for (const read of READERS) found.push(...(await read(sql)));
    const names = new Set(found.map(nameOf));
    if (names.size !== found.length) throw new Error('Two mutants have the same name.');
    return found.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
}
