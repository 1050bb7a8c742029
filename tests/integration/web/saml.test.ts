// Single sign-on by SAML 2.0 through the pages that people use: who is taken in, and what of all that the auth server believes
// our own door does not.
import { randomUUID } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FORMATS } from '../../../local/saml/answer.ts';
import { aBusiness, aPerson, superuser, type Business } from '../../support/business.ts';
import { addRecord, aProvenDomain } from '../../support/dns.ts';
import { anIdp, askedIn, type Idp } from '../../support/saml.ts';
import {
    aboutSomebody,
    aMetadataUrl,
    answered,
    arrivesAt,
    authUrl,
    entersBySaml,
    toProvider,
    typedSaml,
    withSaml
} from '../../support/saml-business.ts';
import { askSso } from '../../support/sso.ts';
import { stack } from '../../support/stack.ts';
import { aVisitor, signedIn } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
let bell: Business;
let saml: { domain: string; idp: Idp };

beforeAll(async () => {
    bell = await aBusiness();
    saml = await withSaml(bell);
});
afterAll(() => sql.end());

const atWork = (of = saml.domain): string => `sam-${randomUUID().slice(0, 8)}@${of}`;
const named = (mail: string, displayName = 'Sam Tyler') => ({
    nameId: { value: `id of ${mail}`, format: FORMATS.persistent },
    attributes: { mail, displayName }
});

type Member = { user_id: string; role: string; name: string; is_sso_user: boolean };
const membersNamed = (email: string, of = bell) => sql<Member[]>`
    select m.user_id, r.key as role, m.display_name as name, u.is_sso_user
    from public.members as m
    join public.roles as r on r.account_id = m.account_id and r.id = m.role_id
    join auth.users as u on u.id = m.user_id
    where m.account_id = ${of.accountId} and m.email = ${email}`;
const sessionsOf = (userId: string) =>
    sql<{ id: string }[]>`select id from auth.sessions where user_id = ${userId}`;

describe('[AUTH-7] single sign-on by SAML', () => {
    it('takes somebody into their business at the first time, with the role that was chosen, and finds them at the next', async () => {
        const email = atWork();
        const first = await entersBySaml(saml, named(email), '/jobs');
        expect(first.to).toBe('/jobs');
        expect((await first.visitor.get('/jobs')).status).toBe(200);
        const [member] = await membersNamed(email);
        expect(member).toMatchObject({ role: 'staff', name: 'Sam Tyler', is_sso_user: true });
        expect(
            await sessionsOf(member?.user_id ?? ''),
            'the one that came with the answer is gone'
        ).toHaveLength(1);
        const second = await entersBySaml(saml, named(email));
        expect(second.to).toBe('/today');
        expect((await membersNamed(email)).map((row) => row.user_id)).toEqual([member?.user_id]);
    });

    it('is found by an address at work, as the other kind is, and tells nobody what it is', async () => {
        const page = await (
            await aVisitor(app).post('/sign-in/sso', { email: `Anybody@${saml.domain.toUpperCase()}` })
        ).text();
        expect(page).toContain('Go on to Bell Lane office');
        expect(page).toContain(`/auth/start?sso=${saml.domain}`);
        expect(page).not.toContain(saml.idp.entityId);
    });

    it('puts a name together where the provider tells two halves of it', async () => {
        const email = atWork();
        const { to } = await entersBySaml(saml, {
            attributes: { mail: email, givenName: 'Priya', sn: 'Nair' }
        });
        expect(to).toBe('/today');
        expect(await membersNamed(email)).toMatchObject([{ name: 'Priya Nair' }]);
    });

    it.each([
        ['nothing that is signed', 'unsigned', 'sso_unreachable'],
        ['something too late', 'stale', 'sso_unreachable'],
        ['no address', 'missing', 'sso_tells_too_little'],
        ['that somebody turned back', 'deny', 'sso_unreachable']
    ])('says kindly that the provider told us %s', async (_, how, problem) => {
        const own = await aBusiness();
        const domain = `firm-${randomUUID().slice(0, 8)}.example`;
        await aProvenDomain(own, domain);
        const metadata_url = aMetadataUrl();
        expect(
            await askSso(own, { action: 'set_up_saml', ...(await typedSaml(own, { metadata_url })) })
        ).toHaveProperty('identifier');
        const visitor = aVisitor(app);
        const { url } = await toProvider(visitor, domain);
        expect(url.href).toContain(metadata_url.replace(/metadata$/, 'sign-in'));
        const [, request = ''] = /name="request" value="([^"]+)"/.exec(await (await fetch(url)).text()) ?? [];
        const body = new URLSearchParams({ request, email: atWork(domain), name: 'Sam', [how]: 'yes' });
        const page = await (await fetch(new URL('/authorize', url), { method: 'POST', body })).text();
        const field = (name: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(page)?.[1] ?? '';
        const answer = Buffer.from(field('SAMLResponse'), 'base64').toString();
        const { to } = await answered(answer, field('RelayState'));
        expect(await arrivesAt(visitor, to)).toBe(`/sign-in/sso?problem=${problem}`);
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
        expect(await (await visitor.get(`/sign-in/sso?problem=${problem}`)).text()).toContain('role="alert"');
    });

    it('shows an error at the front door to nobody who was not on their way in', async () => {
        const { status } = await aVisitor(app).get('/?error=invalid_request&error_code=validation_failed');
        expect(status).toBe(200);
    });

    it('is the only way in of whom it let in: their person is one of single sign-on to every page', async () => {
        const { visitor } = await entersBySaml(saml, named(atWork()));
        expect(await (await visitor.get('/auth/again')).text()).toContain('sso=');
    });
});

describe('[AUTH-7] whoever runs a SAML provider can say any address, and', () => {
    it('reaches nobody’s login: the same address by password and by single sign-on are two people', async () => {
        const person = await aPerson('sam', saml.domain);
        const { to } = await entersBySaml(saml, named(person.email, 'Mallory'));
        expect(to).toBe('/today');
        const people = await sql<{ id: string; is_sso_user: boolean }[]>`
            select id, is_sso_user from auth.users where email = ${person.email} order by is_sso_user`;
        expect(people.map((one) => one.is_sso_user)).toEqual([false, true]);
        expect(people[0]?.id).toBe(person.id);
        await signedIn(person, app);
    });

    it('opens nothing by an address outside the business’s own domain', async () => {
        const other = await aBusiness();
        const theirs = await withSaml(other);
        for (const email of [
            bell.owner.email,
            `sam@sub.${saml.domain}`,
            'owner@platform.example',
            atWork(theirs.domain),
            `sam@${theirs.domain}<!---->.${saml.domain}@elsewhere.example`
        ]) {
            const { visitor, to } = await entersBySaml(saml, named(email, 'Mallory'));
            expect(to, email).toBe('/sign-in/sso?problem=sso_other_domain');
            expect(visitor.cookies.has('__Host-tf')).toBe(false);
        }
    });

    it('never becomes a member of another business', async () => {
        const email = atWork();
        await entersBySaml(saml, named(email));
        const [member] = await membersNamed(email);
        const other = await aBusiness();
        const [role] =
            await sql`select id from public.roles where account_id = ${other.accountId} and key = 'staff'`;
        await expect(
            sql`insert into public.members (account_id, user_id, role_id, display_name, email)
                values (${other.accountId}, ${member?.user_id ?? ''}, ${role?.id as string}, 'Sam', ${email})`
        ).rejects.toThrow('belongs to the business that signs it in');
    });
});

/** What a pair of tokens from the auth server's own door opens. */
async function opens(
    to: URL
): Promise<{ tokens: boolean; accounts: unknown; user: number; refreshed: boolean }> {
    const tokens = new URLSearchParams(to.hash.slice(1));
    const token = tokens.get('access_token') ?? '';
    const client = createClient(stack().apiUrl, stack().publishableKey, {
        auth: { persistSession: false, autoRefreshToken: false },
        global: { headers: { authorization: `Bearer ${token}` } }
    });
    const { data } = await client.from('accounts').select('id');
    const user = await fetch(`${authUrl()}/user`, {
        headers: { apikey: stack().publishableKey, authorization: `Bearer ${token}` }
    });
    const refreshed = await client.auth.refreshSession({ refresh_token: tokens.get('refresh_token') ?? '' });
    return {
        tokens: token !== '',
        accounts: data,
        user: user.status,
        refreshed: refreshed.data.session !== null
    };
}
const nothing = { tokens: true, accounts: [], user: 403, refreshed: false };

describe('[AUTH-7] what the auth server believes of a SAML provider opens nothing until our own door has asked for it:', () => {
    it('a sign-in that begins at the provider, of somebody in the team', async () => {
        const email = atWork();
        await entersBySaml(saml, named(email));
        const { to } = await answered(aboutSomebody(saml.idp, null, named(email)), '');
        expect(await opens(to)).toEqual(nothing);
        const [member] = await membersNamed(email);
        expect(await sessionsOf(member?.user_id ?? '')).toHaveLength(1);
    });

    it('an answer that was good once and comes again, without the sign-in that it was for', async () => {
        const email = atWork();
        const { visitor, xml } = await entersBySaml(saml, named(email));
        const { to } = await answered(xml, '');
        expect(await opens(to)).toEqual(nothing);
        expect((await visitor.get('/jobs')).status, 'whose it is stays in').toBe(200);
    });

    it('a code that somebody asked the auth server for themselves', async () => {
        const email = atWork();
        await entersBySaml(saml, named(email));
        const [provider] = await sql<{ identifier: string }[]>`
            select identifier from public.sso_providers where account_id = ${bell.accountId}`;
        const client = createClient(stack().apiUrl, stack().publishableKey, {
            auth: { flowType: 'pkce', persistSession: false, autoRefreshToken: false }
        });
        const { data } = await client.auth.signInWithSSO({
            providerId: provider?.identifier.slice('sso:'.length) ?? '',
            options: { redirectTo: `${app}/auth/callback` }
        });
        const asked = askedIn(data?.url ?? '');
        const { to } = await answered(aboutSomebody(saml.idp, asked, named(email)), asked.relayState);
        const exchanged = await client.auth.exchangeCodeForSession(to.searchParams.get('code') ?? '');
        expect(exchanged.data.session).not.toBeNull();
        expect((await client.from('accounts').select('id')).data).toEqual([]);
        expect((await client.auth.refreshSession()).data.session).toBeNull();
    });

    it('the code of another browser’s sign-in, although this one began one too', async () => {
        const [attacker, victim] = [aVisitor(app), aVisitor(app)];
        const asked = await toProvider(attacker, saml.domain);
        await toProvider(victim, saml.domain);
        const { to } = await answered(
            aboutSomebody(saml.idp, asked, named(atWork(), 'Mallory')),
            asked.relayState
        );
        expect(await arrivesAt(victim, to)).toMatch(/problem=sign_in_started_elsewhere/);
        expect(victim.cookies.has('__Host-tf')).toBe(false);
    });
});

describe('[AUTH-7] setting SAML up', () => {
    const begin = async (of: Business, given: Record<string, string>) =>
        askSso(of, { action: 'set_up_saml', ...(await typedSaml(of, given)) });

    it('is an owner’s, who has just proved who they are, of a business with a proven domain', async () => {
        const own = await aBusiness();
        expect(await begin(own, { metadata_url: aMetadataUrl() })).toBe('domain_first');
        await aProvenDomain(own, `firm-${randomUUID().slice(0, 8)}.example`);
        const admin = await own.withMember('admin');
        const asAdmin = { ...own, owner: admin };
        expect(await begin(asAdmin, { metadata_url: aMetadataUrl() })).toBe('owners_only');
        expect(await begin(own, { metadata_url: aMetadataUrl() })).toHaveProperty('identifier');
        expect(await begin(own, { metadata_url: aMetadataUrl() })).toBe('sso_is_set_up');
        for (const action of ['renew', 'end'])
            expect(await askSso(asAdmin, { action }), action).toBe('owners_only');
    });

    it('reads metadata nowhere but on the public internet, over TLS, and follows no redirect', async () => {
        const own = await aBusiness();
        await aProvenDomain(own, `firm-${randomUUID().slice(0, 8)}.example`);
        const [inside, insideSix, unknown] = ['a', 'b', 'c'].map(
            (name) => `${name}-${randomUUID().slice(0, 8)}.example`
        );
        await addRecord(inside ?? '', '10.0.0.1', 'A');
        await addRecord(insideSix ?? '', '::ffff:169.254.169.254', 'AAAA');
        for (const address of [
            `https://${inside}/metadata`,
            `https://${insideSix}/metadata`,
            `https://${unknown}/metadata`,
            'https://10.0.0.1/metadata',
            'https://[::1]/metadata',
            'https://169.254.169.254/latest/meta-data',
            'https://localhost/metadata',
            'https://user:word@example.com/metadata',
            `${stack().apiUrl}/auth/v1/settings`,
            stack().mailUrl,
            'http://idp.example/metadata',
            aMetadataUrl().replace(/metadata$/, 'moved'),
            aMetadataUrl().replace(/metadata$/, 'nothing-here')
        ])
            expect(await begin(own, { metadata_url: address }), address).toBe('saml_metadata_not_found');
        expect(await sql`select from public.sso_providers where account_id = ${own.accountId}`).toHaveLength(
            0
        );
    });

    it('takes no metadata that no sign-in could come of, and leaves nothing behind', async () => {
        const own = await aBusiness();
        await aProvenDomain(own, `firm-${randomUUID().slice(0, 8)}.example`);
        const { metadata, entityId } = await anIdp();
        for (const wrong of [
            'a < b',
            '<html/>',
            `<!DOCTYPE r [<!ENTITY x "y">]>${metadata}`,
            metadata.replace('IDPSSODescriptor', 'SPSSODescriptor').replace('/md:IDPSSO', '/md:SPSSO'),
            metadata.replace('HTTP-Redirect', 'HTTP-POST'),
            metadata.replace('Location="https:', 'Location="http:'),
            metadata.replace(/<ds:X509Certificate>[^<]*/, '<ds:X509Certificate>none'),
            metadata.replace(/<md:KeyDescriptor[\s\S]*<\/md:KeyDescriptor>/, '')
        ])
            expect(await begin(own, { metadata_xml: wrong }), wrong.slice(0, 200)).toBe(
                'saml_metadata_unfit'
            );
        expect(await begin(own, { metadata_xml: saml.idp.metadata })).toBe('saml_idp_taken');
        expect(await sql`select from public.sso_providers where account_id = ${own.accountId}`).toHaveLength(
            0
        );
        expect(await sql`select from auth.saml_providers where entity_id = ${entityId}`).toHaveLength(0);
        expect((await entersBySaml(saml, named(atWork()))).to, 'whose it is keeps it').toBe('/today');
    });

    it('shows until when it signs, takes new metadata of the same provider, and no other’s', async () => {
        const own = await aBusiness();
        const { idp } = await withSaml(own);
        const other = await anIdp();
        expect(await askSso(own, { action: 'renew', metadata_xml: other.metadata })).toBe(
            'saml_other_provider'
        );
        expect(await askSso(own, { action: 'renew', metadata_xml: idp.metadata })).toEqual({});
        const visitor = await signedIn(own.owner, app);
        const page = await (await visitor.get('/more/team/sign-on')).text();
        expect(page).toContain('Signs until');
        expect(page).toContain(idp.entityId);
        await sql`
            update public.sso_providers set certificate_ends_at = now() + interval '10 days'
            where account_id = ${own.accountId}`;
        expect(await (await visitor.get('/more/team/sign-on')).text()).toContain(
            'Its last certificate ends on'
        );
        await sql`
            update public.sso_providers set certificate_ends_at = now() - interval '2 days'
            where account_id = ${own.accountId}`;
        expect(await (await visitor.get('/more/team/sign-on')).text()).toContain(
            'Its last certificate ended on'
        );
    });

    it('is switched off and on, at the auth server’s own door too, and taken off; the trail tells it all', async () => {
        const own = await aBusiness();
        const theirs = await withSaml(own);
        const email = `sam@${theirs.domain}`;
        expect((await entersBySaml(theirs, named(email))).to).toBe('/today');
        const visitor = await signedIn(own.owner, app);
        const post = (action: string, fields: Record<string, string> = {}) =>
            visitor.post(`/more/team/sign-on?/${action}`, { account_id: own.accountId, ...fields });
        await post('switch', { on: 'no' });
        const begun = await aVisitor(app).get(`/auth/start?sso=${theirs.domain}`);
        expect(begun.headers.get('location')).toBe('/sign-in/sso?problem=sso_not_set_up');
        const there = await answered(aboutSomebody(theirs.idp, null, named(email)), '');
        expect(there.to.searchParams.get('error_code')).toBe('sso_provider_disabled');
        expect(await (await visitor.get('/more/team/sign-on')).text()).toContain('It is switched off');
        await post('switch', { on: 'yes' });
        expect((await entersBySaml(theirs, named(email))).to).toBe('/today');
        await post('end');
        expect(
            await sql`select from auth.saml_providers where entity_id = ${theirs.idp.entityId}`
        ).toHaveLength(0);
        const told = await sql<{ action: string }[]>`
            select action from audit.records
            where chain_id = ${own.accountId} and entity = 'sso_provider'
            order by id`;
        expect(told.map(({ action }) => action.slice('sso_provider.'.length))).toEqual([
            'created',
            'on',
            'off',
            'on',
            'deleted'
        ]);
    });
});
