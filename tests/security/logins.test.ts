// What the database lets pass by who logged in, tried as each of the logins that a project has.
import postgres from 'postgres';
import { afterAll, expect, test } from 'vitest';
import { stack } from '../support/stack.ts';
import { said, TRIALS } from './logins.ts';

const superuser = postgres(stack().superuserUrl, { max: 1, onnotice: () => undefined });

afterAll(() => superuser.end());

test.each(TRIALS)('$title', async (trial) => {
    const undo = new Error('undo');
    let answer = '';
    await superuser
        .begin(async (sql) => {
            answer = await said(sql, trial);
            throw undo;
        })
        .catch((error: unknown) => {
            if (error !== undo) throw error;
        });
    expect(answer).toBe(trial.answer);
});
