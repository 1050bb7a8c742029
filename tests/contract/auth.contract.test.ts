// Supabase Auth's interface through auth-js, on the embedded stack or a hosted project: what is allowed, and beside it
// what is refused. What needs a mailbox, a clock or a limit of its own is in auth-mail and auth-limits.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hosted, stack } from '../support/stack.ts';
import { aMember, anAddress, aPassword, aVisitor, cameFrom, refusalOf, signedIn } from './visitors.ts';

const project = stack();
const authUrl = `${project.apiUrl}/auth/v1`;
const service = aVisitor(project);
const VERSION = { 'X-Supabase-Api-Version': '2024-01-01' };

const call = (path: string, init: RequestInit = {}, headers: Record<string, string> = {}) =>
    fetch(`${authUrl}${path}`, {
        redirect: 'manual',
        ...init,
        headers: { ...cameFrom(project), 'Content-Type': 'application/json', ...headers }
    });

describe('what anybody may know', () => {
    it('tells settings and health', async () => {
        const settings = (await (await call('/settings')).json()) as Record<string, unknown>;
        expect(settings).toMatchObject({
            external: { email: true, google: true, apple: true },
            disable_signup: false
        });
        expect(await (await call('/health')).json()).toMatchObject({ name: 'GoTrue' });
    });

    it('publishes ES256 keys by which the client verifies a token without asking', async () => {
        const { client, session } = await aMember(project);
        const { data, error } = await client.auth.getClaims(session.access_token);
        expect(error).toBeNull();
        expect(data?.header).toMatchObject({ alg: 'ES256' });
        expect(data?.claims).toMatchObject({
            iss: authUrl,
            aud: 'authenticated',
            role: 'authenticated',
            aal: 'aal1',
            is_anonymous: false,
            session_id: expect.any(String),
            amr: [{ method: 'password', timestamp: expect.any(Number) }]
        });
        const jwks = (await (await fetch(`${authUrl}/.well-known/jwks.json`)).json()) as { keys: object[] };
        expect(jwks.keys.every((key) => !('d' in key))).toBe(true);
        const openid = await (await fetch(`${authUrl}/.well-known/openid-configuration`)).json();
        expect(openid).toMatchObject({ issuer: authUrl, jwks_uri: `${authUrl}/.well-known/jwks.json` });
    });

    it.skipIf(hosted)('answers 501 with a sentence where it does nothing yet', async () => {
        const answer = await call('/oauth/token', { method: 'POST', body: '{}' }, VERSION);
        expect(answer.status).toBe(501);
        expect(await answer.json()).toMatchObject({ message: expect.stringContaining('/oauth/token') });
    });
});

describe('signing in with a password', () => {
    it('gives a session to the right password and none to a wrong one, an unknown address or another case', async () => {
        const { email, password } = await aMember(project);
        const visitor = aVisitor(project);
        const upper = await visitor.auth.signInWithPassword({ email: email.toUpperCase(), password });
        expect(upper.error).toBeNull();
        const expected = { status: 400, code: 'invalid_credentials' };
        const wrong = await visitor.auth.signInWithPassword({ email, password: `${password}x` });
        expect(refusalOf(wrong.error)).toEqual(expected);
        const cased = await visitor.auth.signInWithPassword({ email, password: password.toUpperCase() });
        expect(refusalOf(cased.error)).toEqual(expected);
        const unknown = await visitor.auth.signInWithPassword({ email: anAddress(), password });
        expect(refusalOf(unknown.error)).toEqual(expected);
        expect(unknown.error?.message).toBe(wrong.error?.message);
    });

    it('names user, session and token in the headers of a token', async () => {
        const { id, email, password } = await aMember(project);
        const body = JSON.stringify({ email, password });
        const answer = await call('/token?grant_type=password', { method: 'POST', body });
        const token = (await answer.json()) as {
            refresh_token: string;
            expires_in: number;
            expires_at: number;
        };
        expect(answer.headers.get('sb-auth-user-id')).toBe(id);
        expect(answer.headers.get('sb-auth-session-id')).toMatch(/^[0-9a-f-]{36}$/);
        expect(answer.headers.get('sb-auth-refresh-token-prefix')).toBe(token.refresh_token.slice(0, 5));
        expect(token.expires_at - token.expires_in).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000) + 1);
    });

    it('refuses a banned person to sign in, refresh or use a token, and lets them back when the ban is lifted', async () => {
        const { id, email, password, client } = await aMember(project);
        await service.auth.admin.updateUserById(id, { ban_duration: '24h' });
        const again = await aVisitor(project).auth.signInWithPassword({ email, password });
        expect(refusalOf(again.error)).toEqual({ status: 400, code: 'user_banned' });
        expect(refusalOf((await client.auth.refreshSession()).error)).toEqual({
            status: 400,
            code: 'user_banned'
        });
        expect(refusalOf((await client.auth.getUser()).error)).toEqual({ status: 403, code: 'user_banned' });
        await service.auth.admin.updateUserById(id, { ban_duration: 'none' });
        expect((await aVisitor(project).auth.signInWithPassword({ email, password })).error).toBeNull();
    });

    it('reads the names in a body in any case, and of two spellings the later one', async () => {
        const { email, password } = await aMember(project);
        const enter = async (body: object) =>
            (await call('/token?grant_type=password', { method: 'POST', body: JSON.stringify(body) })).status;
        expect(await enter({ EMAIL: email, Password: password })).toBe(200);
        expect(await enter({ email, paſſword: password })).toBe(200);
        expect(await enter({ email, password: 'another', PASSWORD: password })).toBe(200);
        expect(await enter({ email, PASSWORD: password, password: 'another' })).toBe(400);
        expect(await enter({ email, pass_word: password })).toBe(400);
    });

    it('knows no other grant', async () => {
        const answer = await call('/token?grant_type=toString', { method: 'POST', body: '{}' }, VERSION);
        expect(answer.status).toBe(400);
        expect(await answer.json()).toMatchObject({ code: 'invalid_credentials' });
    });
});

describe('the signed-in person', () => {
    it('reads and changes their own data: merged, and null removes a key', async () => {
        const { id, email, client } = await aMember(project);
        await client.auth.updateUser({ data: { trade: 'plumber', van: 'blue' } });
        const { data } = await client.auth.updateUser({ data: { van: null, boots: 9 } });
        expect(data.user?.user_metadata).toEqual({ email_verified: true, trade: 'plumber', boots: 9 });
        const read = await client.auth.getUser();
        expect(read.data.user).toMatchObject({
            id,
            email,
            phone: '',
            role: 'authenticated',
            app_metadata: { provider: 'email', providers: ['email'] },
            identities: [{ provider: 'email', id, identity_data: { sub: id, email } }]
        });
        expect(JSON.stringify(read.data.user)).not.toMatch(/password|token/);
    });

    it('changes the password, which ends every other session and refuses the old, the same and a weak one', async () => {
        const { email, password, client } = await aMember(project);
        const other = await signedIn(project, email, password);
        const weak = await client.auth.updateUser({ password: 'short' });
        expect(weak.error).toMatchObject({ status: 422, code: 'weak_password', reasons: ['length'] });
        const same = await client.auth.updateUser({ password });
        expect(refusalOf(same.error)).toEqual({ status: 422, code: 'same_password' });
        const fresh = aPassword();
        expect((await client.auth.updateUser({ password: fresh })).error).toBeNull();
        expect((await client.auth.getUser()).error).toBeNull();
        // The client's own name for the code session_not_found.
        const ended = await other.client.auth.getUser(other.session.access_token);
        expect(ended.error?.name).toBe('AuthSessionMissingError');
        expect((await signedIn(project, email, fresh)).session.user.email).toBe(email);
        const old = await aVisitor(project).auth.signInWithPassword({ email, password });
        expect(refusalOf(old.error)).toEqual({ status: 400, code: 'invalid_credentials' });
    });

    it('may not take an address that somebody has, nor write app_metadata', async () => {
        const [taken, { client, session }] = await Promise.all([aMember(project), aMember(project)]);
        const { error } = await client.auth.updateUser({ email: taken.email });
        expect(refusalOf(error)).toEqual({ status: 422, code: 'email_exists' });
        const answer = await call(
            '/user',
            { method: 'PUT', body: '{"app_metadata":{"role":"owner"}}' },
            { ...VERSION, Authorization: `Bearer ${session.access_token}` }
        );
        expect(await answer.json()).toMatchObject({ code: 'not_admin' });
    });
});

describe('the bearer of a token', () => {
    const userWith = async (headers: Record<string, string>) => {
        const answer = await call('/user', {}, { ...VERSION, ...headers });
        return { status: answer.status, code: ((await answer.json()) as { code: string }).code };
    };

    it('must hold one of this project, unchanged, that stands for a person', async () => {
        const { session } = await aMember(project);
        const [head, claims, mac] = session.access_token.split('.');
        const forged = Buffer.from(
            JSON.stringify({
                ...JSON.parse(Buffer.from(`${claims}`, 'base64url').toString()),
                sub: randomUUID()
            })
        ).toString('base64url');
        const badJwt = { status: 403, code: 'bad_jwt' };
        expect(await userWith({ Authorization: `Bearer ${head}.${forged}.${mac}` })).toEqual(badJwt);
        expect(await userWith({ Authorization: 'Bearer nonsense' })).toEqual(badJwt);
        // Without a token the gateway puts the key's own, which stands for nobody.
        expect(await userWith({ apikey: project.publishableKey })).toEqual(badJwt);
        expect(await userWith({ Authorization: 'Basic x' })).toEqual({
            status: 401,
            code: 'no_authorization'
        });
    });

    it('is refused when person or session is gone', async () => {
        const [gone, out] = await Promise.all([aMember(project), aMember(project)]);
        await service.auth.admin.deleteUser(gone.id);
        const deleted = await userWith({ Authorization: `Bearer ${gone.session.access_token}` });
        expect(deleted).toEqual({ status: 403, code: 'user_not_found' });
        await out.client.auth.signOut();
        const ended = await userWith({ Authorization: `Bearer ${out.session.access_token}` });
        expect(ended).toEqual({ status: 403, code: 'session_not_found' });
    });
});

describe('signing out', () => {
    const alive = async (person: Awaited<ReturnType<typeof signedIn>>) =>
        (await service.auth.getUser(person.session.access_token)).error === null;

    it('has three scopes: here, elsewhere, everywhere', async () => {
        const { email, password } = await aMember(project);
        const three = () => Promise.all([1, 2, 3].map(() => signedIn(project, email, password)));
        const [a, b, c] = await three();
        if (!a || !b || !c) throw new Error('three sessions were asked for');
        expect((await a.client.auth.signOut({ scope: 'local' })).error).toBeNull();
        expect(await Promise.all([a, b, c].map(alive))).toEqual([false, true, true]);
        expect((await b.client.auth.signOut({ scope: 'others' })).error).toBeNull();
        expect(await Promise.all([b, c].map(alive))).toEqual([true, false]);
        const [d, e] = await three();
        if (!d || !e) throw new Error('three sessions were asked for');
        expect((await d.client.auth.signOut({ scope: 'global' })).error).toBeNull();
        expect(await Promise.all([b, d, e].map(alive))).toEqual([false, false, false]);
        const refreshed = await aVisitor(project).auth.refreshSession({
            refresh_token: e.session.refresh_token
        });
        expect(refusalOf(refreshed.error)?.status).toBe(400);
    });

    it('knows no fourth', async () => {
        const { session } = await aMember(project);
        const answer = await call(
            '/logout?scope=mine',
            { method: 'POST' },
            { ...VERSION, Authorization: `Bearer ${session.access_token}` }
        );
        expect(answer.status).toBe(400);
        expect(await answer.json()).toMatchObject({ code: 'validation_failed' });
    });
});

describe('refreshing', () => {
    it('rotates the token and keeps session and method; a token nobody was given is refused', async () => {
        const { client, session } = await aMember(project);
        const { data, error } = await client.auth.refreshSession();
        expect(error).toBeNull();
        expect(data.session?.refresh_token).not.toBe(session.refresh_token);
        const before = await client.auth.getClaims(session.access_token);
        const after = await client.auth.getClaims(data.session?.access_token);
        expect(after.data?.claims.session_id).toBe(before.data?.claims.session_id);
        expect(after.data?.claims.amr).toEqual(before.data?.claims.amr);
        const unknown = await aVisitor(project).auth.refreshSession({ refresh_token: 'abcdefghijkl' });
        expect(refusalOf(unknown.error)).toEqual({ status: 400, code: 'refresh_token_not_found' });
        const malformed = await aVisitor(project).auth.refreshSession({ refresh_token: 'ABC' });
        expect(refusalOf(malformed.error)).toEqual({ status: 400, code: 'validation_failed' });
    });

    it('[AUTH-5] gives the direct predecessor the active token again, and of many at once rotates one', async () => {
        for (let round = 0; round < 4; round += 1) {
            const { session } = await aMember(project);
            // Clients are made and connections opened beforehand, so that the requests really meet.
            const visitors = Array.from({ length: 12 }, () => aVisitor(project));
            await Promise.all(visitors.map((visitor) => visitor.auth.getUser(session.access_token)));
            const refresh = (visitor = aVisitor(project)) =>
                visitor.auth.refreshSession({ refresh_token: session.refresh_token });
            const answers = await Promise.all(visitors.map(refresh));
            expect(answers.map(({ error }) => error)).toEqual(answers.map(() => null));
            const tokens = new Set(answers.map(({ data }) => data.session?.refresh_token));
            expect(tokens.size).toBe(1);
            expect(tokens.has(session.refresh_token)).toBe(false);
            const again = await refresh();
            expect(again.data.session?.refresh_token).toBe([...tokens][0]);
        }
    });
});

describe('a link made by the service', () => {
    it('signs in once by its hash or its code, and never with another type, address or code', async () => {
        const { email } = await aMember(project);
        const made = () => service.auth.admin.generateLink({ type: 'magiclink', email });
        const expired = { status: 403, code: 'otp_expired' };
        const first = (await made()).data.properties;
        if (!first) throw new Error('no link');
        const visitor = aVisitor(project);
        const otherType = await visitor.auth.verifyOtp({ token_hash: first.hashed_token, type: 'signup' });
        expect(refusalOf(otherType.error)).toEqual(expired);
        const byHash = await visitor.auth.verifyOtp({ token_hash: first.hashed_token, type: 'email' });
        expect(byHash.data.session?.user.email).toBe(email);
        const twice = await visitor.auth.verifyOtp({ token_hash: first.hashed_token, type: 'email' });
        expect(refusalOf(twice.error)).toEqual(expired);

        const second = (await made()).data.properties;
        if (!second) throw new Error('no link');
        const token = second.email_otp;
        const wrong = token === '000000' ? '000001' : '000000';
        const verify = (address: string, code: string) =>
            visitor.auth.verifyOtp({ email: address, token: code, type: 'email' });
        expect(refusalOf((await verify(email, wrong)).error)).toEqual(expired);
        expect(refusalOf((await verify(anAddress(), token)).error)).toEqual(expired);
        expect((await verify(email, token)).error).toBeNull();
    });

    it('used by two at the same moment signs in one', async () => {
        const { email } = await aMember(project);
        const { data } = await service.auth.admin.generateLink({ type: 'magiclink', email });
        const token = data.properties?.email_otp ?? '';
        const answers = await Promise.all(
            Array.from({ length: 6 }, () => aVisitor(project).auth.verifyOtp({ email, token, type: 'email' }))
        );
        expect(answers.filter(({ error }) => error === null)).toHaveLength(1);
    });

    it('followed in a browser leads to an allowed address with a session in the fragment, else home', async () => {
        const { email } = await aMember(project);
        const { data } = await service.auth.admin.generateLink({ type: 'magiclink', email });
        const link = new URL(data.properties?.action_link ?? '');
        link.searchParams.set('redirect_to', 'https://evil.example/catch');
        const followed = await fetch(link, { redirect: 'manual' });
        expect(followed.status).toBe(303);
        const target = new URL(followed.headers.get('location') ?? '');
        expect(target.host).not.toBe('evil.example');
        expect(Object.fromEntries(new URLSearchParams(target.hash.slice(1)))).toMatchObject({
            access_token: expect.any(String),
            token_type: 'bearer',
            type: 'magiclink'
        });
        const stale = await fetch(link, { redirect: 'manual' });
        expect(
            new URLSearchParams(new URL(stale.headers.get('location') ?? '').hash.slice(1)).get('error_code')
        ).toBe('otp_expired');
    });

    it('for somebody unknown signs them up, but recovers nothing', async () => {
        const email = anAddress();
        const lost = await service.auth.admin.generateLink({ type: 'recovery', email });
        expect(refusalOf(lost.error)).toEqual({ status: 404, code: 'user_not_found' });
        const { data } = await service.auth.admin.generateLink({ type: 'magiclink', email });
        expect(data.properties?.verification_type).toBe('signup');
    });
});

describe('the service key', () => {
    it('lists, makes, reads, changes and deletes people', async () => {
        const email = anAddress();
        const id = randomUUID();
        const made = await service.auth.admin.createUser({ id, email, user_metadata: { name: 'Pat' } });
        expect(made.data.user).toMatchObject({ id, email, user_metadata: { name: 'Pat' } });
        expect(made.data.user?.email_confirmed_at).toBeUndefined();
        const twice = await service.auth.admin.createUser({ email: email.toUpperCase() });
        expect(refusalOf(twice.error)).toEqual({ status: 422, code: 'email_exists' });
        const renamed = anAddress();
        const changed = await service.auth.admin.updateUserById(id, { email: renamed, email_confirm: true });
        expect(changed.data.user).toMatchObject({
            email: renamed,
            identities: [{ identity_data: { email: renamed } }]
        });
        const listed = await service.auth.admin.listUsers({ page: 1, perPage: 5 });
        expect(listed.data.users.some((user) => user.id === id)).toBe(true);
        expect((await service.auth.admin.deleteUser(id)).error).toBeNull();
        const gone = await service.auth.admin.getUserById(id);
        expect(refusalOf(gone.error)).toEqual({ status: 404, code: 'user_not_found' });
    });

    it('is needed for it: neither the publishable key nor a person gets in', async () => {
        const { session } = await aMember(project);
        const asNobody = await call('/admin/users', {}, { ...VERSION, apikey: project.publishableKey });
        expect(asNobody.status).toBe(403);
        expect(await asNobody.json()).toMatchObject({ code: 'not_admin' });
        const asPerson = await call('/admin/users', {}, { Authorization: `Bearer ${session.access_token}` });
        expect(asPerson.status).toBe(403);
    });
});

describe('a refusal', () => {
    it('has one shape for clients that name an API version and another for those that do not', async () => {
        const refused = (headers: Record<string, string>) =>
            call(
                '/token?grant_type=password',
                { method: 'POST', body: '{"email":"a@b.example","password":"x"}' },
                headers
            );
        const dated = await refused(VERSION);
        expect(dated.headers.get('x-supabase-api-version')).toBe('2024-01-01');
        expect(dated.headers.get('x-sb-error-code')).toBe('invalid_credentials');
        expect(await dated.json()).toEqual({
            code: 'invalid_credentials',
            message: 'Invalid login credentials'
        });
        const undated = await refused({});
        expect(undated.headers.get('x-supabase-api-version')).toBeNull();
        expect(await undated.json()).toEqual({
            code: 400,
            error_code: 'invalid_credentials',
            msg: 'Invalid login credentials'
        });
    });

    it('meets bodies that are no JSON or too large', async () => {
        const broken = await call('/otp', { method: 'POST', body: '{' }, VERSION);
        expect([broken.status, await broken.json()]).toMatchObject([400, { code: 'bad_json' }]);
        const large = await call('/otp', {
            method: 'POST',
            body: JSON.stringify({ email: 'x'.repeat(1_100_000) })
        });
        expect(large.status).toBe(413);
    });
});
