// The one door of a Supabase project: who is let in as whom, what a service gets to see, what is refused.
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hosted } from '../support/stack.ts';
import { aPerson, asOwner, clientWith, project } from './project.ts';
import type { Person } from './project.ts';

const run = randomBytes(4).toString('hex');
const table = `gateway_${run}`;
const whoami = `gateway_whoami_${run}`;
const sql = asOwner();
let person: Person;
let token: string;

type Seen = { role: string; sub: string | null; headers: Record<string, string> };

/** What the database sees of a request. */
async function seen(headers: Record<string, string>): Promise<Seen> {
    const answer = await fetch(`${project.apiUrl}/rest/v1/rpc/${whoami}`, { method: 'POST', headers });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Seen;
}

const rest = (path: string, init: RequestInit = {}) => fetch(`${project.apiUrl}/rest/v1/${path}`, init);

async function forgedToken(claims: Record<string, unknown>): Promise<string> {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const { x } = await exportJWK(publicKey);
    return new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: String(x) })
        .setExpirationTime('1h')
        .sign(privateKey);
}

beforeAll(async () => {
    person = await aPerson();
    const { data } = await person.client.auth.getSession();
    token = data.session?.access_token ?? '';
    await sql.unsafe(`
        create table public.${table} (id int primary key, name text);
        alter table public.${table} enable row level security;
        create policy "everybody reads and writes" on public.${table} for all to anon, authenticated
            using (id > 0) with check (id > 0);
        grant select, insert, update, delete on public.${table} to anon, authenticated, service_role;
        insert into public.${table} values (1, 'one'), (2, 'two');
        create function public.${whoami}() returns jsonb language sql stable as $$
            select jsonb_build_object(
                'role', current_user,
                'sub', auth.uid(),
                'headers', current_setting('request.headers', true)::jsonb
            )
        $$;
        grant execute on function public.${whoami}() to anon, authenticated, service_role;
    `);
    const deadline = Date.now() + 20_000;
    while (
        !(await seen({ apikey: project.publishableKey }).then(
            () => true,
            () => false
        ))
    ) {
        if (Date.now() > deadline) throw new Error('The Data API has not read the new table and function.');
        await sleep(50);
    }
});

afterAll(async () => {
    await sql.unsafe(`drop table public.${table}; drop function public.${whoami}()`);
    await person.forget();
    await sql.end();
});

describe('an API key', () => {
    it('that is publishable makes the caller anon', async () => {
        expect(await seen({ apikey: project.publishableKey })).toMatchObject({ role: 'anon', sub: null });
    });

    it('that is secret makes the caller service_role', async () => {
        expect((await seen({ apikey: project.secretKey })).role).toBe('service_role');
    });

    it('also sent as bearer, as supabase-js does, means the same', async () => {
        const { publishableKey: key } = project;
        expect((await seen({ apikey: key, authorization: `Bearer ${key}` })).role).toBe('anon');
    });

    it('beside a person’s token leaves the token in charge', async () => {
        for (const apikey of [project.publishableKey, project.secretKey])
            expect(await seen({ apikey, authorization: `Bearer ${token}` })).toMatchObject({
                role: 'authenticated',
                sub: person.id
            });
    });

    it.each([
        ['absent', undefined],
        ['empty', ''],
        ['made up', 'sb_publishable_0000000000000000000000_00000000'],
        ['cut short', project.publishableKey.slice(0, -1)],
        ['a secret one made up', 'sb_secret_0000000000000000000000_00000000']
    ])('that is %s is refused with 401 and a hint', async (_, apikey) => {
        for (const service of ['rest/v1/', 'auth/v1/settings', 'storage/v1/bucket']) {
            const answer = await fetch(`${project.apiUrl}/${service}`, {
                headers: apikey === undefined ? {} : { apikey }
            });
            expect(answer.status).toBe(401);
            expect(await answer.json()).toMatchObject({ message: expect.any(String) });
        }
    });

    it('of the older kind, signed by somebody else, is refused', async () => {
        const apikey = await forgedToken({ role: 'service_role' });
        expect((await rest(table, { headers: { apikey } })).status).toBe(401);
    });
});

describe('a person’s token', () => {
    const headers = (bearer: string) => ({
        apikey: project.publishableKey,
        authorization: `Bearer ${bearer}`
    });

    it('with another signature is refused', async () => {
        const forged = await forgedToken({ role: 'authenticated', sub: person.id });
        expect((await rest(table, { headers: headers(forged) })).status).toBe(401);
    });

    it('with a changed claim is refused', async () => {
        const [head, body = '', signature] = token.split('.');
        const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
        const changed = Buffer.from(JSON.stringify({ ...claims, role: 'service_role' })).toString(
            'base64url'
        );
        expect((await rest(table, { headers: headers([head, changed, signature].join('.')) })).status).toBe(
            401
        );
    });

    it('without a signature is refused', async () => {
        const [, body] = token.split('.');
        const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
        expect((await rest(table, { headers: headers(`${none}.${body}.`) })).status).toBe(401);
    });
});

describe('what a service sees of the caller', () => {
    const claims = {
        'x-forwarded-for': '203.0.113.9',
        'x-real-ip': '203.0.113.9',
        'x-client-ip': '203.0.113.9',
        forwarded: 'for=203.0.113.9'
    };

    it('is the address of the connection, whatever the caller says', async () => {
        const { headers } = await seen({ apikey: project.publishableKey, ...claims });
        expect(Object.values(headers).join(' ')).not.toMatch(/^203\.0\.113\.9$/);
        if (!hosted) expect(JSON.stringify(headers)).not.toContain('203.0.113.9');
        expect(headers['x-forwarded-for']).toMatch(/^[0-9a-f:., ]+$/);
    });

    it.skipIf(hosted)('is an address told by a server of ours only with the secret key', async () => {
        const told = { 'sb-forwarded-for': '203.0.113.9' };
        const withSecret = await seen({ apikey: project.secretKey, ...told });
        expect(withSecret.headers['sb-forwarded-for']).toBe('203.0.113.9');
        const without = await seen({ apikey: project.publishableKey, ...told });
        expect(without.headers['sb-forwarded-for']).toBeUndefined();
        const asPerson = await seen({
            apikey: project.publishableKey,
            authorization: `Bearer ${token}`,
            ...told
        });
        expect(asPerson.headers['sb-forwarded-for']).toBeUndefined();
    });

    it.skipIf(hosted)('carries the request’s id, kept when it is sound and made when it is not', async () => {
        const id = randomUUID();
        const headers = { apikey: project.publishableKey };
        const kept = await rest(table, { headers: { ...headers, 'x-request-id': id } });
        expect(kept.headers.get('x-request-id')).toBe(id);
        expect((await seen({ ...headers, 'x-request-id': id })).headers['x-request-id']).toBe(id);
        for (const bad of ['', 'short', 'a"b{c}d<e>f']) {
            const made = await rest(table, { headers: { ...headers, 'x-request-id': bad } });
            expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
        }
    });
});

describe('a change through the Data API', () => {
    it.each(['PATCH', 'DELETE'])('by %s without a filter is refused, with one it is made', async (method) => {
        const headers = { apikey: project.secretKey, 'content-type': 'application/json' };
        const body = method === 'PATCH' ? '{"name":"changed"}' : undefined;
        for (const query of ['', '?select=id', '?columns=name']) {
            const refused = await rest(table + query, { method, headers, body });
            expect(refused.status).toBe(400);
            expect(await refused.json()).toMatchObject({
                code: '21000',
                message: `${method === 'PATCH' ? 'UPDATE' : 'DELETE'} requires a WHERE clause`
            });
        }
        expect(await sql.unsafe(`select count(*)::int as n from ${table} where name <> 'changed'`)).toEqual([
            { n: 2 }
        ]);
        // No row matches; older PostgREST says so with 404, newer with 204.
        for (const query of ['?id=eq.99', '?or=(id.eq.98,id.eq.99)', '?not.and=(id.gt.0,id.gt.0)'])
            expect([204, 404]).toContain((await rest(table + query, { method, headers, body })).status);
    });

    it('needs a grant before any policy counts', async () => {
        await sql.unsafe(`revoke insert on public.${table} from anon`);
        const { error } = await clientWith(project.publishableKey).from(table).insert({ id: 3 });
        expect(error?.code).toBe('42501');
        await sql.unsafe(`grant insert on public.${table} to anon`);
        const allowed = await clientWith(project.publishableKey).from(table).insert({ id: 3 });
        expect(allowed.error).toBeNull();
    });
});

describe('a browser of another origin', () => {
    it('is told that it may call, with its own headers', async () => {
        const answer = await rest(table, {
            method: 'OPTIONS',
            headers: {
                origin: 'https://elsewhere.example',
                'access-control-request-method': 'PATCH',
                'access-control-request-headers': 'apikey,authorization,x-tf-context'
            }
        });
        expect(answer.ok).toBe(true);
        expect(answer.headers.get('access-control-allow-origin')).toMatch(
            /^(\*|https:\/\/elsewhere\.example)$/
        );
        expect(answer.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('apikey');
        expect(answer.headers.get('access-control-allow-methods')).toContain('PATCH');
    });

    it('can read refusals too', async () => {
        const answer = await rest(table, { headers: { origin: 'https://elsewhere.example' } });
        expect(answer.status).toBe(401);
        expect(answer.headers.get('access-control-allow-origin')).toBeTruthy();
    });
});

describe.skipIf(hosted)('what the stack does not have', () => {
    it('is refused with a sentence', async () => {
        const headers = { apikey: project.publishableKey };
        const realtime = await fetch(`${project.apiUrl}/realtime/v1/websocket`, { headers });
        expect(realtime.status).toBe(501);
        expect(await realtime.json()).toEqual({ message: 'The embedded stack has no realtime service.' });
        expect((await fetch(`${project.apiUrl}/nothing`, { headers })).status).toBe(404);
    });
});

describe('an edge function', () => {
    const call = (name: string, headers: Record<string, string>, method = 'POST') =>
        fetch(`${project.apiUrl}/functions/v1/${name}`, {
            method,
            headers,
            body: method === 'POST' ? '{}' : undefined
        });

    it('that is not there answers 404', async () => {
        expect((await call(`none-${run}`, { apikey: project.publishableKey })).status).toBe(404);
    });

    it.skipIf(hosted)('that asks for a person’s token gets no call without one', async () => {
        const refusals = [
            await call('connect', {}),
            await call('connect', { apikey: project.publishableKey }),
            await call('connect', {
                apikey: project.secretKey,
                authorization: `Bearer ${project.secretKey}`
            }),
            await call('connect', { authorization: `Bearer ${await forgedToken({ role: 'authenticated' })}` })
        ];
        for (const refusal of refusals) {
            expect(refusal.status).toBe(401);
            expect(await refusal.json()).toMatchObject({ code: expect.stringMatching(/^UNAUTHORIZED_/) });
        }
        const passed = await call('connect', {
            apikey: project.publishableKey,
            authorization: `Bearer ${token}`
        });
        expect(await passed.text()).not.toContain('UNAUTHORIZED_');
        expect((await call('connect', {}, 'OPTIONS')).status).not.toBe(401);
    });

    it('that asks for none is called without any key', async () => {
        const answer = await call('stripe-webhook', {});
        expect(await answer.text()).not.toContain('UNAUTHORIZED_');
        expect(answer.status).toBe(400);
    });
});
