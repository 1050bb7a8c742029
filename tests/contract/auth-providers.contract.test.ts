// Signing in with Google, Apple and Microsoft: the way out to the stand-ins and back through the auth server, by auth-js.
import { randomBytes, randomUUID } from 'node:crypto';
import { UnsecuredJWT } from 'jose';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issuerOfDirectory } from '../../local/auth/microsoft.ts';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { choosePerson, deny, formWith, open, send } from './browsing.ts';
import { startMailHook, type MailHook } from './mail-hook.ts';
import { aMember, anAddress, aPassword, aVisitor, cameFrom, refusalOf, withClockAt } from './visitors.ts';

let hook: MailHook;
let stack: OwnStack;
let sql: postgres.Sql;

beforeAll(async () => {
    hook = await startMailHook();
    stack = await startOwnStack({
        migrate: false,
        given: { SEND_EMAIL_HOOK_URI: hook.uri, SEND_EMAIL_HOOK_SECRETS: hook.secrets }
    });
    sql = postgres(stack.info.superuserUrl, { max: 1 });
});

afterAll(async () => {
    await sql.end();
    await stack.stopAndForget();
    await hook.hangUp();
});

describe('signing in with a provider', () => {
    type Provider = 'google' | 'apple' | 'azure';
    const site = () => stack.info.env.APP_ORIGIN ?? '';

    const leave = async (provider: Provider) => {
        const visitor = aVisitor(stack.info, { flow: 'pkce' });
        const { data } = await visitor.auth.signInWithOAuth({
            provider,
            options: {
                skipBrowserRedirect: true,
                redirectTo: `${site()}/auth/callback`,
                ...(provider === 'azure' ? { scopes: 'email profile' } : {})
            }
        });
        const out = await open(data.url ?? '', { headers: cameFrom(stack.info) });
        expect(out.status).toBe(302);
        return { visitor, away: out.location?.href ?? '' };
    };
    /** From the provider's answer through the auth server's callback to where the app would be reached. */
    const comeBack = async (answer: Awaited<ReturnType<typeof choosePerson>>) => {
        const back = answer.location
            ? await open(answer.location.href)
            : await send(formWith(answer, 'state'));
        if (!back.location) throw new Error(`the callback answered ${back.status}: ${back.html}`);
        return back.location;
    };
    const enter = async (provider: Provider, choice: Parameters<typeof choosePerson>[1]) => {
        const { visitor, away } = await leave(provider);
        const target = await comeBack(await choosePerson(away, choice));
        const code = target.searchParams.get('code') ?? '';
        const exchanged = code ? await visitor.auth.exchangeCodeForSession(code) : null;
        return { visitor, target, session: exchanged?.data.session, user: exchanged?.data.user };
    };
    const refused = (target: URL) => {
        const inFragment = new URLSearchParams(target.hash.slice(1));
        expect(inFragment.get('error')).toBe(target.searchParams.get('error'));
        return { error: target.searchParams.get('error'), code: target.searchParams.get('error_code') };
    };
    const someone = () => ({ email: anAddress(), name: 'Sam Tyler' });

    it('[AUTH-1] makes an account at the first time and finds it at the next', async () => {
        const person = someone();
        const first = await enter('google', person);
        expect(`${first.target.origin}${first.target.pathname}`).toBe(`${site()}/auth/callback`);
        expect(first.user).toMatchObject({
            email: person.email,
            app_metadata: { provider: 'google', providers: ['google'] },
            user_metadata: { full_name: 'Sam Tyler', email_verified: true, iss: stack.info.googleUrl }
        });
        expect(first.session?.provider_token).toBeTruthy();
        const claims = await first.visitor.auth.getClaims();
        expect(claims.data?.claims.amr).toMatchObject([{ method: 'oauth' }]);
        const second = await enter('google', { email: person.email });
        expect(second.user?.id).toBe(first.user?.id);
    });

    it('[AUTH-1] works by Apple’s posted answer, with a relay address and a name told once', async () => {
        const person = { ...someone(), relay: true };
        const first = await enter('apple', person);
        expect(first.user).toMatchObject({
            email: expect.stringMatching(/@privaterelay\.appleid\.com$/),
            app_metadata: { provider: 'apple' },
            user_metadata: { full_name: 'Sam Tyler', custom_claims: { is_private_email: true } }
        });
        const second = await enter('apple', { email: person.email });
        expect(second.user?.id).toBe(first.user?.id);
        expect(second.user?.user_metadata.full_name).toBe('Sam Tyler');
    });

    it('[AUTH-1] works by Microsoft, whose tokens each directory signs in its own name', async () => {
        const [sam, dana] = [someone(), { ...someone(), email: anAddress().replace(/@.*/, '@live.example') }];
        const first = await enter('azure', sam);
        expect(first.user).toMatchObject({
            email: sam.email,
            app_metadata: { provider: 'azure', providers: ['azure'] },
            user_metadata: {
                full_name: 'Sam Tyler',
                preferred_username: sam.email,
                email_verified: true,
                custom_claims: { xms_edov: true, email: sam.email }
            }
        });
        const other = await enter('azure', dana);
        const [issuer, another] = [first, other].map(({ user }) => String(user?.user_metadata.iss));
        for (const name of [issuer, another]) expect(name?.startsWith(`${stack.info.azureUrl}/`)).toBe(true);
        expect(issuer).not.toBe(another);
        expect((await enter('azure', { email: sam.email })).user?.id).toBe(first.user?.id);
    });

    it('[AUTH-1] comes back refused when the person cancels, with no account and no session', async () => {
        const before = await sql`select count(*) from auth.users`;
        for (const [provider, error] of [
            ['google', 'access_denied'],
            ['azure', 'access_denied'],
            ['apple', 'user_cancelled_authorize']
        ] as const) {
            const { away } = await leave(provider);
            const target = await comeBack(await deny(away));
            expect(refused(target)).toEqual({ error, code: null });
            expect(target.searchParams.get('code')).toBeNull();
        }
        expect(await sql`select count(*) from auth.users`).toEqual(before);
    });

    it('joins the account that has the same proven address', async () => {
        const { email, id, password } = await aMember(stack.info);
        const joined = await enter('google', { email, name: 'Sam Tyler' });
        expect(joined.user).toMatchObject({ id, app_metadata: { providers: ['email', 'google'] } });
        expect((await aVisitor(stack.info).auth.signInWithPassword({ email, password })).error).toBeNull();
    });

    it.each(['google', 'azure'] as const)(
        '[AUTH-1] never joins an account by an address that %s has not proven',
        async (provider) => {
            const { email, id } = await aMember(stack.info);
            const intruder = await enter(provider, { email, name: 'Mallory', unverified: true });
            expect(refused(intruder.target)).toEqual({
                error: 'access_denied',
                code: 'provider_email_needs_verification'
            });
            const [held] = await sql`select count(*)::int as n from auth.identities where user_id = ${id}`;
            expect(held?.n).toBe(1);
            expect(() => hook.mailTo(email)).toThrow();
        }
    );

    it('[AUTH-1] joins by an address of which Microsoft does not say whether it is proven, as the published server does', async () => {
        const { email, id } = await aMember(stack.info);
        const joined = await enter('azure', { email, name: 'Mallory', unsaid: true });
        expect(joined.user?.id).toBe(id);
        const [held] = await sql`
            select identity_data -> 'custom_claims' ? 'xms_edov' as told
            from auth.identities
            where user_id = ${id} and provider = 'azure'`;
        expect(held?.told, 'what our own door goes by').toBe(false);
    });

    it('[AUTH-1] lets nobody in of whom Microsoft tells no address', async () => {
        const before = await sql`select count(*) from auth.users`;
        const nobody = await enter('azure', { ...someone(), missing: true });
        expect(refused(nobody.target)).toEqual({ error: 'server_error', code: 'unexpected_failure' });
        expect(await sql`select count(*) from auth.users`).toEqual(before);
    });

    it('by an unproven address of nobody’s asks for a proof by mail first', async () => {
        const person = { ...someone(), unverified: true };
        const first = await enter('google', person);
        expect(refused(first.target).code).toBe('provider_email_needs_verification');
        const token = hook.mailTo(person.email).email_data.token;
        const proven = await aVisitor(stack.info).auth.verifyOtp({
            email: person.email,
            token,
            type: 'signup'
        });
        expect(proven.error).toBeNull();
        const second = await enter('google', { email: person.email });
        expect(second.user?.id).toBe(proven.data.user?.id);
    });

    it.each(['google', 'azure'] as const)(
        'throws out whoever signed up first with an address they had not proven, when its owner comes by %s',
        async (provider) => {
            const [email, password] = [anAddress(), aPassword()];
            const options = { data: { full_name: 'Mallory' } };
            await aVisitor(stack.info).auth.signUp({ email, password, options });
            const owner = await enter(provider, { email, name: 'Sam Tyler' });
            expect(owner.user).toMatchObject({
                app_metadata: { providers: [provider] },
                user_metadata: { full_name: 'Sam Tyler' }
            });
            expect(owner.user?.identities?.map((identity) => identity.provider)).toEqual([provider]);
            const mallory = await aVisitor(stack.info).auth.signInWithPassword({ email, password });
            expect(refusalOf(mallory.error)?.code).toBe('invalid_credentials');
        }
    );

    it('keeps a banned person out', async () => {
        const person = someone();
        const { user } = await enter('google', person);
        await aVisitor(stack.info).auth.admin.updateUserById(user?.id ?? '', { ban_duration: '1h' });
        const { target } = await enter('google', { email: person.email });
        expect(refused(target)).toEqual({ error: 'access_denied', code: 'user_banned' });
    });

    it.each(['google', 'azure'] as const)(
        'by %s needs the verifier of the browser that left',
        async (provider) => {
            const { away } = await leave(provider);
            const target = await comeBack(await choosePerson(away, someone()));
            const thief = await leave(provider);
            const { error } = await thief.visitor.auth.exchangeCodeForSession(
                target.searchParams.get('code') ?? ''
            );
            expect(refusalOf(error)).toEqual({ status: 400, code: 'bad_code_verifier' });
        }
    );

    it('takes an answer once, in time, and only for a sign-in it began', async () => {
        const callback = (query: Record<string, string>) =>
            open(`${stack.info.apiUrl}/auth/v1/callback?${new URLSearchParams(query)}`);
        const codeOf = async (query: Record<string, string>) => {
            const { status, location } = await callback(query);
            expect([status, location?.origin]).toEqual([303, new URL(site()).origin]);
            return location?.searchParams.get('error_code');
        };
        expect(await codeOf({ code: 'x' })).toBe('bad_oauth_callback');
        expect(await codeOf({ code: 'x', state: 'x' })).toBe('bad_oauth_state');
        expect(await codeOf({ code: 'x', state: randomUUID() })).toBe('bad_oauth_state');

        const { away } = await leave('google');
        const answer = await choosePerson(away, someone());
        const query = Object.fromEntries(answer.location?.searchParams ?? []);
        expect(await withClockAt(stack.info, 301, () => codeOf(query))).toBe('bad_oauth_state');
        const both = await Promise.all([callback(query), callback(query)]);
        expect(both.filter(({ location }) => location?.searchParams.has('code'))).toHaveLength(1);
        expect(await codeOf(query)).toBe('flow_state_already_used');
    });

    it('takes an answer of one provider for no sign-in that began at another', async () => {
        const [google, azure] = [await leave('google'), await leave('azure')];
        const answer = await choosePerson(google.away, someone());
        const mixed = new URL(answer.location?.href ?? '');
        mixed.searchParams.set('state', new URL(azure.away).searchParams.get('state') ?? '');
        const { location } = await open(mixed.href);
        expect(location && refused(location)).toEqual({ error: 'server_error', code: 'unexpected_failure' });
        expect(location?.searchParams.get('code')).toBeNull();
    });

    it('lets no query parameter change what the provider is asked', async () => {
        const query = new URLSearchParams({
            provider: 'google',
            redirect_uri: 'https://evil.example/',
            client_id: 'other',
            state: 'mine',
            login_hint: 'sam@example.com',
            redirect_to: 'https://evil.example/'
        });
        const { location } = await open(`${stack.info.apiUrl}/auth/v1/authorize?${query}`);
        expect(location?.searchParams.get('redirect_uri')).toBe(`${stack.info.apiUrl}/auth/v1/callback`);
        expect(location?.searchParams.get('client_id')).toBe(stack.info.env.GOOGLE_CLIENT_ID);
        expect(location?.searchParams.get('login_hint')).toBe('sam@example.com');
        const state = location?.searchParams.get('state') ?? '';
        const [flow] = await sql`select referrer from auth.flow_state where id = ${state}`;
        expect(flow?.referrer).toBe(site());
    });

    it('is refused for a provider that is off or unknown, and with half a challenge', async () => {
        const refusedBy = async (query: string) => {
            const { status, html } = await open(`${stack.info.apiUrl}/auth/v1/authorize?${query}`);
            return { status, code: (JSON.parse(html) as { error_code: string }).error_code };
        };
        const invalid = { status: 400, code: 'validation_failed' };
        expect(await refusedBy('provider=github')).toEqual(invalid);
        expect(await refusedBy('provider=constructor')).toEqual(invalid);
        const challenge = randomBytes(32).toString('base64url');
        expect(await refusedBy(`provider=google&code_challenge=${challenge}`)).toEqual(invalid);
    });
});

describe('an app at Microsoft', () => {
    const at = (tenant: string) => `https://login.microsoftonline.com/${tenant}`;
    const tokenOf = (tenant: string) => new UnsecuredJWT().setIssuer(`${at(tenant)}/v2.0`).encode();
    const [own, other] = [randomUUID(), randomUUID()];

    it('[AUTH-1] for one directory takes no token of another, and one for everybody takes any', () => {
        expect(issuerOfDirectory(at(own), tokenOf(own))).toBe(`${at(own)}/v2.0`);
        expect(() => issuerOfDirectory(at(own), tokenOf(other))).toThrow('does not match');
        expect(issuerOfDirectory(at('common'), tokenOf(other))).toBe(`${at(other)}/v2.0`);
        expect(() => issuerOfDirectory(at('common'), 'no token')).toThrow('does not match');
    });
});
