// On a stack of its own, because it makes the mail provider fail.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createClient } from '@supabase/supabase-js';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOwnStack, type OwnStack } from '../../support/stack.ts';
import { knock, mailsTo, mailTo, refusal, workerOf } from './edge.ts';

let own: OwnStack;
let database: postgres.Sql;
beforeAll(async () => {
    own = await startOwnStack();
    database = postgres(own.info.superuserUrl, { max: 1 });
    // These tests say when the mailer runs; each minute's run would take messages from under their hands.
    await database`update cron.job set active = false where jobname = 'send-mail'`;
});
afterAll(async () => {
    await database.end();
    await own.stopAndForget();
});

const anyone = () => `sam-${randomUUID()}@example.com`;
const run = () => knock('send-mail', { at: own.info, headers: workerOf(own.info) });

/** Queues a sign-in code without the immediate call of the mailer, so that the test decides when it runs. */
async function queue(address: string): Promise<void> {
    await database.begin(async (sql) => {
        await sql`set local session_replication_role = replica`;
        await sql`insert into mail.outbox (dedupe_key, template, to_address, data, has_secret)
            values (${randomUUID()}, 'sign_in_code', ${address}, ${sql.json({ code: '123456' })}, true)`;
    });
}

/** Brings a message's next attempt forward. */
const now = (address: string) =>
    database`update mail.outbox set send_after = now() - interval '1 second' where to_address = ${address}`;

const outcome = async (address: string) => {
    const [row] = await database<{ state: string; last_error: string | null }[]>`
        select state, last_error from mail.outbox where to_address = ${address}`;
    return row;
};

/** Makes the provider's next answers fail; with `accept` it takes the message and only the answer is lost. */
const fail = (failure: { status: number; times: number; name?: string; accept?: boolean }) =>
    fetch(`${own.info.inboxUrl}/api/failures`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(failure)
    });

describe('send-mail', () => {
    it('works for workers only', async () => {
        const required = { status: 401, code: 'worker_key_required' };
        expect(await refusal(await knock('send-mail', { at: own.info }))).toEqual(required);
        const almost = (own.info.env.TF_WORKER_KEY ?? '').slice(0, -1);
        const guess = await knock('send-mail', { at: own.info, headers: { 'x-tf-worker': almost } });
        expect(await refusal(guess)).toEqual(required);
        const secret = await knock('send-mail', { at: own.info, headers: { apikey: own.info.secretKey } });
        expect(await refusal(secret)).toEqual(required);
    });

    it('[MAIL-2] sends each message once, however many workers run', async () => {
        const addresses = Array.from({ length: 12 }, anyone);
        for (const address of addresses) await queue(address);
        const answers = await Promise.all(Array.from({ length: 8 }, run));
        const counts = (await Promise.all(answers.map((answer) => answer.json()))) as {
            sent: number;
            failed: number;
        }[];
        expect(counts.reduce((sum, { sent }) => sum + sent, 0)).toBe(12);
        for (const address of addresses) {
            expect(await mailsTo(address, own.info)).toHaveLength(1);
        }
    });

    it.each([
        ['is overloaded', { status: 429, times: 1, name: 'rate_limit_exceeded' }, 'rate_limit_exceeded'],
        ['breaks down', { status: 500, times: 1, name: 'internal_server_error' }, 'internal_server_error'],
        ['does not take our key', { status: 403, times: 1, name: 'invalid_api_key' }, 'invalid_api_key']
    ])('[MAIL-2] tries again later when the provider %s', async (_, failure, code) => {
        const address = anyone();
        await queue(address);
        await fail(failure);
        expect(await (await run()).json()).toEqual({ sent: 0, failed: 1 });
        expect(await outcome(address)).toEqual({ state: 'queued', last_error: code });
        await now(address);
        expect(await (await run()).json()).toEqual({ sent: 1, failed: 0 });
        expect(await mailsTo(address, own.info)).toHaveLength(1);
    });

    it('[MAIL-2] sends nothing twice when the provider took a message and its answer was lost', async () => {
        const address = anyone();
        await queue(address);
        await fail({ status: 500, times: 1, accept: true });
        await run();
        expect(await outcome(address)).toMatchObject({ state: 'queued' });
        await now(address);
        await run();
        expect(await outcome(address)).toEqual({ state: 'sent', last_error: null });
        expect(await mailsTo(address, own.info)).toHaveLength(1);
    });

    it('gives up on a message that the provider will never take', async () => {
        const address = anyone();
        await queue(address);
        await fail({ status: 422, times: 1, name: 'validation_error' });
        await run();
        expect(await outcome(address)).toEqual({ state: 'failed', last_error: 'validation_error' });
        const [row] = await database`select data from mail.outbox where to_address = ${address}`;
        expect(row?.data, 'the code is erased').toEqual({});
    });

    it('gives up on a message whose words are missing, and goes on with the next', async () => {
        const [broken, sound] = [anyone(), anyone()];
        await queue(broken);
        await database`update mail.outbox set data = '{}' where to_address = ${broken}`;
        await queue(sound);
        expect(await (await run()).json()).toEqual({ sent: 1, failed: 1 });
        expect(await outcome(broken)).toEqual({ state: 'failed', last_error: 'template_data_not_valid' });
        expect(await outcome(sound)).toMatchObject({ state: 'sent' });
    });

    it('writes neither codes nor addresses into its log', async () => {
        const address = anyone();
        await queue(address);
        await run();
        const log = readFileSync(`${own.stateDir}/logs/functions.log`, 'utf8');
        expect(log).toContain('"event":"mail"');
        expect(log).not.toContain(address);
        expect(log).not.toContain('123456');
    });

    // The last one: what the database calls goes on to look for more after this mail is there.
    it('is called by the database as soon as a message is queued', async () => {
        const address = anyone();
        const service = createClient(own.info.apiUrl, own.info.secretKey, { db: { schema: 'service' } });
        const { error } = await service.rpc('enqueue_auth_mail', {
            dedupe_key: randomUUID(),
            template: 'sign_in_code',
            to_address: address,
            data: { code: '123456' }
        });
        expect(error).toBeNull();
        expect((await mailTo(address, own.info)).subject).toBe('123456 is your TradersFlow sign-in code');
    });
});
