// The rules over the schema: each keeps what it says, reports its bad example and leaves its good one alone.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, describe, expect, test } from 'vitest';
import { stack } from '../support/stack.ts';
import { findings, RULES, type Finding, type Rule } from './lints/index.ts';

const owner = postgres(stack().databaseUrl, { max: 1, onnotice: () => undefined });
// Bad examples are made by somebody whom the database does not stop: it refuses some of them when they are written.
const superuser = postgres(stack().superuserUrl, { max: 1, onnotice: () => undefined });
const PARTS = ['index.ts', 'rule.ts', 'policies.ts', 'expression.ts'];

afterAll(() => Promise.all([owner.end(), superuser.end()]));

/** What a rule finds after this SQL that it did not find before; nothing of it stays. */
async function foundAfter(rule: Rule, example: string): Promise<string[]> {
    const undo = new Error('undo');
    const found: string[] = [];
    await superuser
        .begin(async (sql) => {
            await sql`alter event trigger policies_ask_for_the_account disable`;
            await sql`set local event_triggers = on`;
            await sql`set local session authorization postgres`;
            const before = await rule.find(sql);
            await sql.unsafe(example);
            found.push(...(await rule.find(sql)).filter((object) => !before.includes(object)));
            throw undo;
        })
        .catch((error: unknown) => {
            if (error !== undo) throw error;
        });
    return found;
}

const told = ({ object, why, remedy }: Finding): string => `${object}\n    ${why}\n    ${remedy}`;

test('every file of a rule is asked', () => {
    const files = readdirSync(join(import.meta.dirname, 'lints')).filter((file) => !PARTS.includes(file));
    expect(files.toSorted()).toEqual(RULES.map(({ name }) => `${name}.ts`).toSorted());
});

describe('the schema', () => {
    test.each(RULES)('$title', async (rule) => {
        expect((await findings(owner, rule)).map(told)).toEqual([]);
    });
});

describe.each(RULES)('the rule $name', (rule) => {
    test('reports its bad example', async () => {
        expect((await foundAfter(rule, rule.bad)).join()).toContain('lint_example');
    });

    test('leaves its good example alone', async () => {
        expect(await foundAfter(rule, rule.good)).toEqual([]);
    });
});
