// Attacks by a forged host: no mail leads where a header says.
import { randomUUID } from 'node:crypto';
import { request as rawRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import { aPerson } from '../../support/business.ts';
import { mailTo } from '../../support/inbox.ts';
import { aVisitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';

describe('a host that is claimed', () => {
    /** A form sent with headers that fetch would not let be set. */
    const send = (
        path: string,
        fields: Record<string, string>,
        headers: Record<string, string>
    ): Promise<number> =>
        new Promise((resolve, reject) => {
            const url = new URL(path, app);
            const body = new URLSearchParams(fields).toString();
            const request = rawRequest(
                url,
                {
                    method: 'POST',
                    headers: {
                        origin: app,
                        accept: 'text/html',
                        'content-type': 'application/x-www-form-urlencoded',
                        'content-length': Buffer.byteLength(body),
                        ...headers
                    }
                },
                (answer) => {
                    answer.resume();
                    resolve(answer.statusCode ?? 0);
                }
            );
            request.on('error', reject);
            request.end(body);
        });

    test.each([
        [{ host: 'evil.example' }],
        [{ 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }],
        [{ forwarded: 'host=evil.example;proto=https' }],
        [{ 'x-original-url': 'https://evil.example/', 'x-rewrite-url': 'https://evil.example/' }],
        [{ referer: 'https://evil.example/sign-in' }]
    ])('[AUTH-1] stands in no mail: %j', async (headers) => {
        for (const path of ['/sign-in', '/reset']) {
            const email =
                path === '/reset' ? (await aPerson('host')).email : `host-${randomUUID()}@example.test`;
            const status = await send(
                path,
                { email },
                { ...headers, 'x-forwarded-for': aVisitor(app).address }
            );
            expect(status).toBe(303);
            const { text, html } = await mailTo(email);
            const words = `${text} ${html}`;
            expect(words).not.toContain('evil.example');
            const links = [...words.matchAll(/https?:\/\/[^\s"<>]+/g)].map(([link]) => new URL(link).origin);
            expect(links.length).toBeGreaterThan(0);
            expect(new Set(links)).toEqual(new Set([app]));
        }
    });
});
