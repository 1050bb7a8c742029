// Signing in with Microsoft through the pages that people use, and what it is worth when Microsoft does not vouch for an address.
import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { aPerson, superuser } from '../../support/business.ts';
import { answerAtProvider, atProvider } from '../../support/providers.ts';
import { aVisitor, signedIn } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const sql = superuser();
afterAll(() => sql.end());

const anEmail = (): string => `new-${randomUUID()}@example.test`;

/** Goes to Microsoft, answers there, and comes back to where the app leads then. */
async function byMicrosoft(fields: Record<string, string>, next = '') {
    const visitor = aVisitor(app);
    const { page, request } = await atProvider(visitor, 'azure', next);
    const back = await answerAtProvider(page, { request, ...fields });
    const last = await visitor.get(back);
    return { visitor, back, to: last.headers.get('location') };
}

/** How many sessions and ways in somebody with this address has. */
async function standingOf(email: string) {
    const [row] = await sql<{ sessions: number; providers: string[] }[]>`
        select
            (select count(*)::integer from auth.sessions as s where s.user_id = u.id) as sessions,
            coalesce((select array_agg(i.provider) from auth.identities as i where i.user_id = u.id), '{}') as providers
        from auth.users as u
        where u.email = ${email}`;
    return row;
}

describe('[AUTH-1] signing in with Microsoft', () => {
    it('comes back signed in, to the page that was wanted', async () => {
        const { visitor, to } = await byMicrosoft({ name: 'Kim Osei', email: anEmail() }, '/jobs');
        expect(to).toBe('/jobs');
        expect(await (await visitor.get('/welcome')).text()).toContain('value="Kim Osei"');
    });

    it('joins whoever has the same address, when Microsoft vouches for it', async () => {
        const person = await aPerson();
        const { to } = await byMicrosoft({ name: 'Kim Osei', email: person.email });
        expect(to).toBe('/today');
        expect((await standingOf(person.email))?.providers.sort()).toEqual(['azure', 'email']);
        await signedIn(person, app);
    });

    it('says so kindly when somebody cancels there', async () => {
        const { visitor, to } = await byMicrosoft({ deny: 'yes' });
        expect(to).toBe('/sign-in?problem=sign_in_cancelled');
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
    });

    it('signs in only the browser that began', async () => {
        const { page, request } = await atProvider(aVisitor(app), 'azure');
        const back = await answerAtProvider(page, { request, name: 'Kim Osei', email: anEmail() });
        const other = aVisitor(app);
        const last = await other.get(back);
        expect(last.headers.get('location')).toBe('/sign-in?problem=sign_in_started_elsewhere');
        expect(other.cookies.has('__Host-tf')).toBe(false);
    });

    it.each([
        ['does not say whether it is theirs', 'unsaid'],
        ['says that it is not proven', 'unverified']
    ])('opens nobody’s login by an address of which Microsoft %s', async (_, said) => {
        const victim = await aPerson();
        const before = await standingOf(victim.email);
        const stranger = await byMicrosoft({ name: 'Mallory', email: victim.email, [said]: 'yes' });
        expect(stranger.to).toBe('/sign-in?problem=address_not_vouched_for');
        expect(stranger.visitor.cookies.has('__Host-tf')).toBe(false);
        expect(await standingOf(victim.email), 'nothing of the stranger’s stays').toEqual(before);
        const page = await aVisitor(app).get('/sign-in?problem=address_not_vouched_for');
        expect(await page.text()).toContain('Use a code by e-mail instead');
        await signedIn(victim, app);
    });

    it('spends the code of whoever is refused, at the open door too', async () => {
        const email = anEmail();
        const { back } = await byMicrosoft({ name: 'Mallory', email, unsaid: 'yes' });
        const code = new URL(back, app).searchParams.get('code') ?? '';
        expect(code).not.toBe('');
        expect(await sql`select from auth.flow_state where auth_code = ${code}`).toHaveLength(0);
        const [told] = await sql<{ detail: string }[]>`
            select v.fields #>> '{@detail,1}' as detail
            from audit.records as r
            join audit.field_values as v on v.record_id = r.id
            where r.action = 'sign_in.refused'
            order by r.id desc
            limit 1`;
        expect(JSON.parse(told?.detail ?? '')).toMatchObject({
            method: 'provider',
            code: 'provider_email_needs_verification'
        });
    });

    it('lets nobody in of whom Microsoft tells no address', async () => {
        const { visitor, to } = await byMicrosoft({ name: 'Kim Osei', email: anEmail(), missing: 'yes' });
        expect(to).toBe('/sign-in?problem=sign_in_failed');
        expect(visitor.cookies.has('__Host-tf')).toBe(false);
    });
});
