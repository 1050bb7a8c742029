// What the session check costs, counted in calls: every page, read off the routes, is opened by its owner on an app whose
// calls to the project all pass by here. The database asks for the session in the statement that reads the data.
import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type RunningApp } from '../support/app.ts';
import { freePort } from '../support/port.ts';
import { stack } from '../support/stack.ts';
import { aVisitor } from '../support/visitor.ts';
import { aWorld, doors, type World } from './doors/doors.ts';

/** Passes everything on to `to`, and remembers what it was. */
async function listener(to: string): Promise<{ url: string; calls: string[]; server: Server }> {
    const calls: string[] = [];
    const { hostname, port } = new URL(to);
    const server = createServer((question, answer) => {
        calls.push(`${question.method} ${question.url?.split('?')[0]}`);
        const onwards = forward(
            {
                hostname,
                port,
                method: question.method,
                path: question.url,
                headers: { ...question.headers, host: `${hostname}:${port}` }
            },
            (heard) => {
                answer.writeHead(heard.statusCode ?? 502, heard.headers);
                heard.pipe(answer);
            }
        );
        onwards.on('error', () => answer.destroy());
        question.pipe(onwards);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls, server };
}

const pages = doors().filter(({ what }) => what === 'load' || what === 'GET');
/** Who is asking; of whoever asks an interface, counted by the limits in the same call. */
const ME = /^POST \/rest\/v1\/rpc\/(me|enter)$/;

let heard: Awaited<ReturnType<typeof listener>>;
let app: RunningApp;
let world: World;
/** By page, how many calls it made besides the one that tells who is asking. */
const counted: number[] = [];

beforeAll(async () => {
    heard = await listener(stack().apiUrl);
    app = await startApp({ ...stack(), apiUrl: heard.url }, await freePort());
    world = await aWorld(app.url);
    // The first token fetches the project's keys, which are kept.
    await callsOf(pages[0] as (typeof pages)[number]);
});
afterAll(async () => {
    await world?.end();
    await app?.stop();
    heard?.server.closeAllConnections();
    await new Promise((resolve) => heard?.server.close(resolve));
});

/** The calls that one page made. */
async function callsOf(page: (typeof pages)[number]): Promise<string[]> {
    const { path } = await page.example.request(world.business);
    const visitor = aVisitor(app.url);
    for (const [name, value] of world.cookies.owner) visitor.cookies.set(name, value);
    heard.calls.length = 0;
    const answer = await visitor.get(path);
    await answer.arrayBuffer();
    expect([200, 303], `answered ${answer.status}`).toContain(answer.status);
    return [...heard.calls];
}

describe('[AUTH-6] what the check of the session costs', () => {
    it('is counted at every page there is', () => {
        expect(pages.length).toBeGreaterThan(25);
    });

    it.each(pages)(
        'no call of its own at $title: who is asking is asked once, with what they may',
        async (page) => {
            const calls = await callsOf(page);
            const others = calls.filter((call) => !ME.test(call));
            expect(calls.length - others.length).toBe(1);
            expect(
                others.filter(
                    (call) => !/^(GET|POST) \/(rest|storage|functions)\/v1\//.test(call) || /auth/.test(call)
                ),
                'calls that read nothing'
            ).toEqual([]);
            counted.push(others.length);
        }
    );

    it('is one call where a page reads nothing else, and none where it does', () => {
        const alone = counted.filter((others) => others === 0).length;
        console.log(
            `${counted.length} pages: ${alone} of one call, the others of that and ${Math.max(...counted)} reads at most`
        );
        expect(counted).toHaveLength(pages.length);
        expect(alone).toBeGreaterThan(0);
    });
});
