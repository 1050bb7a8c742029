// Forms and scripts of other sites, sent at every action and endpoint there is, by the browser of somebody who is signed in.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signedIn, type Visitor } from '../../support/visitor.ts';
import { writes, type Address } from './routes.ts';
import { repelled, theScene, type Scene } from './scene.ts';

const app = process.env.TF_APP_URL ?? '';
let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

describe('a form on another site', () => {
    const doors = writes();
    const evil = 'https://evil.example';
    const form = 'application/x-www-form-urlencoded';
    /** How a browser sends what another site has it send. */
    const ways: Record<string, string>[] = [
        { origin: evil, 'content-type': form },
        { origin: evil, 'content-type': 'multipart/form-data; boundary=x' },
        { origin: evil, 'content-type': 'text/plain' },
        { origin: evil, 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' },
        { origin: 'null', 'content-type': form },
        { origin: app.replace('//', '//evil.'), 'content-type': form, 'sec-fetch-site': 'same-site' },
        { 'content-type': 'text/plain', 'sec-fetch-site': 'cross-site' }
    ];
    const send = (
        { method, path }: Address,
        headers: Record<string, string>,
        cookie = ''
    ): Promise<Response> =>
        fetch(new URL(path, app), {
            method,
            redirect: 'manual',
            headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...headers },
            body: `account_id=${scene.bell.accountId}`
        });
    let victim: Visitor;
    beforeAll(async () => {
        victim = await signedIn(scene.bell.owner, app);
    });

    test('[AUTH-5] is tried at every action and endpoint there is', () => {
        expect(doors.length).toBeGreaterThan(35);
    });

    test.each(doors)('[AUTH-5] sends nothing to $door', async (door) => {
        const cookie = [...victim.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
        await repelled(scene, async () => {
            for (const headers of ways) {
                const answer = await send(door, headers, cookie);
                expect(answer.status, JSON.stringify(headers)).toBe(403);
                expect(answer.headers.getSetCookie(), JSON.stringify(headers)).toEqual([]);
            }
        });
        // Its twin: the page's own form gets further, as somebody who is not signed in.
        const own = await send(door, { origin: app, 'content-type': form });
        // To the admin area there is none: what is not from one of those who run TradersFlow is told so.
        if (door.path.startsWith('/admin'))
            expect(await own.text()).toContain('Only those who run TradersFlow');
        else expect([403, 405], `answered ${own.status}`).not.toContain(own.status);
    });

    test('[AUTH-6] has ended nobody’s session', async () => {
        expect((await victim.get('/more/security')).status).toBe(200);
    });
});
