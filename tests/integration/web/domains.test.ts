// Joining by a domain: an owner shows that it is theirs, and people whose confirmed address is in it come in as the owner chose.
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, admin, aPerson, superuser, type Business, type Person } from '../../support/business.ts';
import { addRecord, publish, recordOf, removeRecord } from '../../support/dns.ts';
import { mailTo } from '../../support/inbox.ts';
import { stack } from '../../support/stack.ts';
import { signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';
const database = superuser();
afterAll(() => database.end());

const words = (page: string): string =>
    page
        .replace(/<!--.*?-->/gs, '')
        .replace(/<[^>]+>/g, ' ')
        .replace(/\s+/g, ' ');
const says = async (visitor: Visitor, path: string): Promise<string> =>
    words(await (await visitor.get(path)).text());
const goesTo = (response: Response): string => response.headers.get('location') ?? '';
const aDomain = (): string => `bell-${randomBytes(5).toString('hex')}.example`;

let business: Business;
let owner: Visitor;
const domain = aDomain();
let page: string;

const look = (at = page, by = owner): Promise<Response> =>
    by.post(`${at}?/check`, { account_id: business.accountId });
const choose = async (joining: string): Promise<Response> =>
    owner.post(`${page}?/join`, {
        account_id: business.accountId,
        joining,
        role_id: await business.roleId('staff')
    });
const join = (visitor: Visitor, name: string): Promise<Response> =>
    visitor.post('/join/domain', {
        business: business.accountId,
        person_name: name,
        idempotency_key: randomUUID()
    });
const add = (named: string, by = owner): Promise<Response> =>
    by.post('/more/team/domains', {
        account_id: business.accountId,
        domain: named,
        idempotency_key: randomUUID()
    });

/** Has the scheduled job look at every proven domain that was not seen for a day. */
async function aDayLater(): Promise<void> {
    await database`update public.domains set found_at = now() - interval '1 day' where domain = ${domain}`;
    await fetch(`${stack().apiUrl}/functions/v1/domains`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-tf-worker': stack().env.TF_WORKER_KEY ?? '' },
        body: '{}'
    });
}

beforeAll(async () => {
    business = await aBusiness({ name: 'Bell Lane Electrical' });
    owner = await signedIn(business.owner, app);
    page = goesTo(await add(` Office@${domain.toUpperCase()} `));
});

describe('[ACC-4] a domain', () => {
    it('is named as people write it, and shown with the record to publish', async () => {
        expect(page).toMatch(/^\/more\/team\/domains\/[0-9a-f-]{36}$/);
        const [name, value] = await recordOf(business.owner.db, domain);
        const shown = await says(owner, page);
        for (const part of [domain, 'Not proven', 'TXT', name, value]) expect(shown).toContain(part);
        expect(await says(owner, '/more/team/domains')).toContain('People ask, and you decide, as Staff');
    });

    it('is not proven before the record stands there, nor by another one', async () => {
        expect(goesTo(await look())).toBe(`${page}?looked`);
        expect(await says(owner, `${page}?looked`)).toContain('The record is not there yet');
        const [name] = await recordOf(business.owner.db, domain);
        await addRecord(name, 'tradersflow-verification=somebody-else');
        await look();
        expect(await says(owner, page)).toContain('Not proven');
    });

    it('is proven by its record', async () => {
        await publish(business.owner.db, domain);
        expect(goesTo(await look())).toBe(`${page}?looked`);
        expect(await says(owner, `${page}?looked`)).toContain(`Found. ${domain} is shown to be yours`);
    });

    it.each(['gmail.com', 'GoogleMail.com', 'sam@btinternet.com'])(
        'where anybody can have a mailbox is nobody’s: %s',
        async (named) => {
            const refused = await add(named);
            expect(refused.status).toBe(409);
            expect(words(await refused.text())).toContain('Anybody can have an address there');
        }
    );

    it('where anybody can have a mailbox is not proven either, by whichever way it was named', async () => {
        const named = await business.owner.db.rpc('add_domain', {
            account_id: business.accountId,
            domain: 'gmail.com',
            idempotency_key: randomUUID()
        });
        await publish(business.owner.db, 'gmail.com');
        const refused = await look(`/more/team/domains/${named.data as string}`);
        expect(refused.status).toBe(409);
        expect(words(await refused.text())).toContain('Anybody can have an address there');
    });

    it.each(['', 'localhost', 'two words.example', 'https://bell.example/about'])(
        'is not “%s”',
        async (named) => {
            const refused = await add(named);
            expect(refused.status).toBe(400);
            expect(words(await refused.text())).toContain('after the @');
        }
    );

    it('in other letters is kept in those that the DNS knows', async () => {
        const at = goesTo(await add(`bürö-${randomBytes(4).toString('hex')}.example`));
        expect(await says(owner, at)).toContain('xn--br-');
    });

    it('is another business’s no more than once', async () => {
        const rival = await aBusiness({ name: 'Rival' });
        const rivals = await signedIn(rival.owner, app);
        const added = await rivals.post('/more/team/domains', {
            account_id: rival.accountId,
            domain,
            idempotency_key: randomUUID()
        });
        const record = await recordOf(rival.owner.db, domain);
        await addRecord(...record);
        const refused = await rivals.post(`${goesTo(added)}?/check`, { account_id: rival.accountId });
        expect(refused.status).toBe(409);
        expect(words(await refused.text())).toContain('Another business has proven this domain');
        await removeRecord(...record);
    });

    it('is changed by owners alone', async () => {
        const colleague = await signedIn(await business.withMember('admin'), app);
        expect(await says(colleague, page)).toContain('Only an owner can change that');
        expect((await add(aDomain(), colleague)).status).toBe(403);
        for (const act of ['join', 'remove']) {
            const refused = await colleague.post(`${page}?/${act}`, {
                account_id: business.accountId,
                joining: 'automatic',
                role_id: await business.roleId('staff')
            });
            expect(refused.status, act).toBe(403);
        }
    });

    it('is not there for staff', async () => {
        const staff = await signedIn(await business.withMember('staff'), app);
        expect((await staff.get('/more/team/domains')).status).toBe(403);
        expect((await staff.get(page)).status).toBe(403);
    });
});

describe('[ACC-4] somebody with an address in it', () => {
    let asker: Person;
    let visitor: Visitor;
    let request: string;

    it('is offered the business instead of a business of their own, and asks', async () => {
        asker = await aPerson('priya', domain);
        visitor = await signedIn(asker, app);
        expect(goesTo(await visitor.get('/today'))).toBe('/welcome');
        expect(goesTo(await visitor.get('/welcome'))).toBe('/join/domain');
        expect((await visitor.get('/welcome?own')).status, 'or opens their own').toBe(200);
        expect(await says(visitor, '/join/domain')).toContain('Ask to join Bell Lane Electrical');
        expect(goesTo(await join(visitor, 'Priya Nair'))).toBe('/join/domain');
        expect(await says(visitor, '/join/domain')).toContain('You have asked to join Bell Lane Electrical');
        expect(goesTo(await visitor.get('/jobs')), 'nothing is open yet').toBe('/welcome');
        const mail = await mailTo(business.owner.email);
        expect(mail.subject).toBe('Priya Nair asks to join Bell Lane Electrical');
    });

    it('waits on the team page, and is let in by whoever may invite', async () => {
        const team = await (await owner.get('/more/team')).text();
        expect(words(team)).toContain('Waiting to join Priya Nair');
        [request = ''] = /\/more\/team\/requests\/[0-9a-f-]{36}/.exec(team) ?? [];
        expect(await says(owner, request)).toContain(asker.email);
        const role_id = await business.roleId('admin');
        const approved = await owner.post(`${request}?/approve`, { account_id: business.accountId, role_id });
        expect(goesTo(approved)).toBe('/more/team?let-in');
        expect((await visitor.get('/jobs')).status, 'they are in with their next tap').toBe(200);
        const told = await mailTo(asker.email);
        expect(told.subject).toBe('You are in the team of Bell Lane Electrical');
        expect((await owner.get(request)).status, 'what is decided is gone').toBe(404);
    });

    it('is out at once when removed, and does not come back by their address', async () => {
        const { data } = await business.owner.db
            .from('members')
            .select('id')
            .eq('user_id', asker.id)
            .single<{ id: string }>();
        await owner.post(`/more/team/${data?.id ?? ''}?/remove`, { account_id: business.accountId });
        expect(goesTo(await visitor.get('/jobs'))).toBe('/left');
        expect((await visitor.get('/welcome')).status, 'they are not offered it').toBe(200);
        expect((await join(visitor, 'Priya')).status).toBe(403);
        // Nor with another login of the same mailbox.
        const again = await aPerson('again', domain);
        const address = asker.email.replace('@', '+again@');
        const moved = await admin().auth.admin.updateUserById(again.id, {
            email: address,
            email_confirm: true
        });
        expect(moved.error).toBeNull();
        const other = await signedIn({ ...again, email: address }, app);
        expect((await other.get('/welcome')).status).toBe(200);
        expect((await join(other, 'Priya')).status).toBe(403);
    });

    it('can be refused, is told, and is not offered it again', async () => {
        const stranger = await aPerson('stranger', domain);
        const theirs = await signedIn(stranger, app);
        await join(theirs, 'Stranger');
        const team = await (await owner.get('/more/team')).text();
        const [path = ''] = /\/more\/team\/requests\/[0-9a-f-]{36}/.exec(team) ?? [];
        const refused = await owner.post(`${path}?/refuse`, { account_id: business.accountId });
        expect(goesTo(refused)).toBe('/more/team?refused');
        expect((await mailTo(stranger.email)).subject).toBe('Bell Lane Electrical did not let you join');
        expect((await theirs.get('/welcome')).status).toBe(200);
    });

    it('joins at once where the owner lets everybody', async () => {
        expect(goesTo(await choose('automatic'))).toBe(`${page}?saved`);
        const person = await aPerson('una', domain);
        const theirs = await signedIn(person, app);
        expect(await says(theirs, '/join/domain')).toContain('You can join its team as Staff');
        expect(goesTo(await join(theirs, 'Una Webb'))).toBe('/today');
        expect((await theirs.get('/jobs')).status).toBe(200);
        const trail = await says(owner, '/more/audit');
        expect(trail).toContain('Una Webb joined the team');
        expect(trail).toContain('changed who may join by a domain');
    });

    it('joins nothing by an address that they never confirmed', async () => {
        const person = await aPerson('later', domain);
        await database`update auth.users set email_confirmed_at = null where id = ${person.id}`;
        const answer = await person.db.rpc('joinable');
        expect(answer.data).toBeNull();
        const refused = await person.db.rpc('join_by_domain', {
            account_id: business.accountId,
            person_name: 'Nobody',
            idempotency_key: randomUUID()
        });
        expect(refused.error?.hint).toBe('domain_not_yours');
    });

    it('joins no more once the record is gone, which the owner is told', async () => {
        const person = await aPerson('late', domain);
        const theirs = await signedIn(person, app);
        expect(goesTo(await theirs.get('/welcome'))).toBe('/join/domain');
        const record = await recordOf(business.owner.db, domain);
        await removeRecord(...record);
        await aDayLater();
        expect(await says(owner, page)).toContain('Record missing');
        expect((await theirs.get('/welcome')).status).toBe(200);
        expect((await join(theirs, 'Late')).status).toBe(403);
        await addRecord(...record);
        await aDayLater();
        expect(goesTo(await theirs.get('/welcome')), 'and again once it is back').toBe('/join/domain');
    });

    it('joins no more once the domain is taken off', async () => {
        const person = await aPerson('last', domain);
        const theirs = await signedIn(person, app);
        const removed = await owner.post(`${page}?/remove`, { account_id: business.accountId });
        expect(goesTo(removed)).toBe('/more/team/domains?removed');
        expect((await join(theirs, 'Last')).status).toBe(403);
    });
});
