import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { timesBreached } from './breaches.ts';

// SHA-1 of "password": 5BAA6 1E4C9B93F3F0682250B6CF8331B7EE68FD8.
const rest = '1E4C9B93F3F0682250B6CF8331B7EE68FD8';
const others = ['0018A45C4D1DEF81644B54AB7F969B88D65:3', '00D4F6E8FA6EECAD2A3AA415EEC418D38EC:0'];

let server: Server | undefined;
afterEach(() => new Promise((closed) => (server ? server.close(closed) : closed(undefined))));

async function aList(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    server = createServer(answer);
    await new Promise<void>((listening) => server?.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('[AUTH-3] the list of passwords known from break-ins', () => {
    it('is told five digits of a hash and nothing else, and answers how often', async () => {
        const asked: IncomingMessage[] = [];
        const url = await aList((request, response) => {
            asked.push(request);
            response.end([...others, `${rest}:3861493`].join('\r\n'));
        });
        expect(await timesBreached('password', url)).toBe(3_861_493);
        expect(asked.map(({ method, url: path }) => `${method} ${path}`)).toEqual(['GET /range/5BAA6']);
        expect(asked[0]?.headers['add-padding']).toBe('true');
        const told = JSON.stringify(asked[0]?.rawHeaders);
        expect(told).not.toContain('password"');
        expect(told).not.toContain(rest);
    });

    it.each([
        ['does not have it', others],
        ['has it only as padding', [...others, `${rest}:0`]]
    ])('that %s answers none', async (_, lines) => {
        const url = await aList((_request, response) => response.end(lines.join('\r\n')));
        expect(await timesBreached('password', url)).toBe(0);
    });

    it.each([
        ['fails', 503, others.join('\r\n')],
        ['answers a page', 200, '<!doctype html><title>Sign in to the hotel’s network</title>'],
        ['answers nothing', 200, ''],
        ['does not stop', 200, [...others, 'A'.repeat(300_000)].join('\r\n')],
        ['sends elsewhere', 302, '']
    ])('that %s is no answer', async (_, status, body) => {
        const url = await aList((_request, response) => {
            response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:9/' } : {}).end(body);
        });
        await expect(timesBreached('password', url)).rejects.toThrow();
    });

    it('that is not there is no answer', async () => {
        await expect(timesBreached('password', 'http://127.0.0.1:9')).rejects.toThrow();
    });
});
