// pg_cron's and pg_net's SQL interfaces: jobs run when due, requests leave after the commit, at most once.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import postgres from 'postgres';
import { startOwnStack } from '../support/stack.ts';
import type { OwnStack } from '../support/stack.ts';

let own: OwnStack;
let sql: postgres.Sql;

type Arrived = { method: string; url: string; headers: Record<string, unknown>; body: string };
const arrived: Arrived[] = [];
const listener = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
        const { method = '', url = '', headers } = request;
        arrived.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
        if (url.startsWith('/slow')) return;
        response.writeHead(url.startsWith('/missing') ? 404 : 200, { 'content-type': 'application/json' });
        response.end('{"ok":true}');
    });
});
let target: string;

// The clock moves here, so the stack is this file's own.
beforeAll(async () => {
    own = await startOwnStack({ migrate: false });
    sql = postgres(own.info.databaseUrl, { max: 2, onnotice: () => undefined });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    target = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    await sql`create table public.ticks (job text, at timestamptz default clock_timestamp(), who name default current_user)`;
});

afterAll(async () => {
    listener.closeAllConnections();
    listener.close();
    await sql.end();
    await own.stopAndForget();
});

const control = async (path: string, body?: object) => {
    const answer = await fetch(own.info.controlUrl + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: body && JSON.stringify(body)
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
};
const advance = (seconds: number) => control('/clock', { advance_seconds: seconds });
const ticks = async (job: string) => (await sql`select who from public.ticks where job = ${job}`).length;

describe('a scheduled job', () => {
    it('runs when its time has come, as the role that scheduled it, and the run is recorded', async () => {
        const [job] = await sql`
            select cron.schedule('hourly', '0 * * * *', 'insert into public.ticks (job) values (''hourly'')') as id
        `;
        await control('/cron/tick');
        expect(await ticks('hourly')).toBe(0);
        await advance(3600);
        await control('/cron/tick');
        expect(await sql`select who from public.ticks where job = 'hourly'`).toEqual([{ who: 'postgres' }]);
        const [details] = await sql`
            select status, return_message, command, username from cron.job_run_details where jobid = ${job?.id}
        `;
        expect(details).toMatchObject({
            status: 'succeeded',
            return_message: 'INSERT 1',
            username: 'postgres'
        });
        await control('/cron/tick');
        expect(await ticks('hourly')).toBe(1);
    });

    it('that fails says why and is tried again at its next time', async () => {
        const [job] = await sql`select cron.schedule('failing', '*/5 * * * *', 'select 1/0') as id`;
        for (const runs of [1, 2]) {
            await advance(300);
            await control('/cron/tick');
            const rows = await sql`
                select status, return_message from cron.job_run_details where jobid = ${job?.id}
            `;
            expect(rows).toHaveLength(runs);
            expect(rows[0]).toEqual({ status: 'failed', return_message: 'ERROR:  division by zero' });
        }
    });

    it('keeps one row per name: scheduling again changes it', async () => {
        const schedule = (at: string) => sql`select cron.schedule('again', ${at}, 'select 1') as id`;
        const [first] = await schedule('0 1 * * *');
        const [second] = await schedule('0 2 * * *');
        expect(second?.id).toBe(first?.id);
        expect(await sql`select schedule from cron.job where jobname = 'again'`).toEqual([
            { schedule: '0 2 * * *' }
        ]);
    });

    it('may run every few seconds', async () => {
        await sql`select cron.schedule('often', '2 seconds', 'insert into public.ticks (job) values (''often'')')`;
        await control('/cron/tick');
        await advance(2);
        await control('/cron/tick');
        expect(await ticks('often')).toBeGreaterThanOrEqual(1);
        await sql`select cron.unschedule('often')`;
    });

    it('runs no more once unscheduled or switched off', async () => {
        const insert = (name: string) => `insert into public.ticks (job) values ('${name}')`;
        await sql`select cron.schedule('gone', '* * * * *', ${insert('gone')})`;
        const [off] = await sql`select cron.schedule('off', '* * * * *', ${insert('off')}) as id`;
        await sql`select cron.unschedule('gone')`;
        await sql`select cron.alter_job(${off?.id}, active := false)`;
        await advance(120);
        await control('/cron/tick');
        expect(await ticks('gone')).toBe(0);
        expect(await ticks('off')).toBe(0);
        await expect(sql`select cron.unschedule('never there')`).rejects.toThrow(
            /could not find valid entry/
        );
    });

    it.each(['tomorrow', '* * * *', '61 seconds', '0 seconds', '* * * * * *'])(
        'is refused at "%s"',
        async (at) => {
            await expect(sql`select cron.schedule('odd', ${at}, 'select 1')`).rejects.toThrow(
                /invalid schedule/
            );
        }
    );

    it('never overlaps itself', async () => {
        await sql`
            select cron.schedule('slow', '1 seconds', 'insert into public.ticks (job) values (''slow''); select pg_sleep(2.5)')
        `;
        await advance(1);
        const waiting = control('/cron/tick');
        await sleep(2200);
        expect(await ticks('slow')).toBeLessThanOrEqual(1);
        await waiting;
        await sql`select cron.unschedule('slow')`;
    });
});

describe('a queued request', () => {
    it('leaves after the commit with its body, query and headers, and the answer is kept', async () => {
        const [queued] = await sql`
            select net.http_post(
                ${`${target}/post?a=1`},
                '{"name": "Ann & Bob"}'::jsonb,
                '{"q": "é x"}'::jsonb,
                '{"x-kind": "test"}'::jsonb
            ) as id
        `;
        await control('/net/drain');
        const [got] = arrived.filter(({ url }) => url.startsWith('/post'));
        expect(got).toMatchObject({
            method: 'POST',
            url: '/post?a=1&q=%C3%A9%20x',
            body: '{"name": "Ann & Bob"}'
        });
        expect(got?.headers).toMatchObject({ 'x-kind': 'test', 'content-type': 'application/json' });
        expect(
            await sql`select status_code, content, timed_out from net._http_response where id = ${queued?.id}`
        ).toEqual([{ status_code: 200, content: '{"ok":true}', timed_out: false }]);
    });

    it('of a transaction that is rolled back never leaves', async () => {
        await sql
            .begin(async (transaction) => {
                await transaction`select net.http_get(${`${target}/rolled-back`})`;
                throw new Error('taken back');
            })
            .catch(() => undefined);
        await control('/net/drain');
        expect(arrived.some(({ url }) => url === '/rolled-back')).toBe(false);
    });

    it('leaves once, also when many are queued at the same time', async () => {
        await sql`select net.http_get(${`${target}/many?n=`} || n) from generate_series(1, 250) as n`;
        await control('/net/drain');
        const urls = arrived.filter(({ url }) => url.startsWith('/many')).map(({ url }) => url);
        expect(urls).toHaveLength(250);
        expect(new Set(urls).size).toBe(250);
    });

    it('that gets no answer in time is recorded as such and holds up no other', async () => {
        const began = Date.now();
        const [slow] = await sql`select net.http_get(${`${target}/slow`}, timeout_milliseconds := 700) as id`;
        const [quick] = await sql`select net.http_get(${`${target}/quick`}) as id`;
        await control('/net/drain');
        const [first, second] = await sql`
            select timed_out, error_msg, created from net._http_response
            where id in (${slow?.id}, ${quick?.id}) order by created
        `;
        expect(first?.timed_out).toBe(false);
        expect(second).toMatchObject({ timed_out: true, error_msg: 'Timeout of 700 ms reached' });
        expect(Date.now() - began).toBeLessThan(3000);
    });

    it('to nobody is recorded with its cause', async () => {
        const [queued] = await sql`select net.http_get('http://127.0.0.1:9/') as id`;
        await control('/net/drain');
        const [row] =
            await sql`select status_code, error_msg from net._http_response where id = ${queued?.id}`;
        expect(row?.status_code).toBeNull();
        expect(row?.error_msg).toBeTruthy();
    });

    it.each(['ftp://example.com/', 'file:///etc/passwd', 'example.com'])('to %s is refused', async (url) => {
        await expect(sql`select net.http_get(${url})`).rejects.toThrow(/http and https/);
    });

    it('goes on after the database was away', async () => {
        await own.stopDatabase();
        await own.startDatabase();
        await sleep(300);
        await sql`select net.http_get(${`${target}/after-outage`})`.catch(
            () => sql`select net.http_get(${`${target}/after-outage`})`
        );
        const deadline = Date.now() + 5000;
        while (!arrived.some(({ url }) => url === '/after-outage') && Date.now() < deadline) await sleep(50);
        expect(arrived.some(({ url }) => url === '/after-outage')).toBe(true);
    });
});

describe('the control door', () => {
    it('is closed to pages in a browser', async () => {
        const answer = await fetch(`${own.info.controlUrl}/clock`, {
            method: 'POST',
            headers: { origin: 'https://elsewhere.example' },
            body: '{"advance_seconds": 60}'
        });
        expect(answer.status).toBe(403);
    });

    it('refuses what is no number of seconds', async () => {
        await expect(control('/clock', { advance_seconds: 'ten' })).rejects.toThrow('400');
    });
});
