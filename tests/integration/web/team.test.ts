// People come and go: from the e-mail of an invitation to the team, by plain forms, and out again.
import { randomBytes, randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, aPerson, call, type Business, type Person } from '../../support/business.ts';
import { codeFor, mailTo } from '../../support/inbox.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';

/** What a page says, without its tags. */
const words = (page: string): string =>
    page
        .replace(/<!--.*?-->/gs, '')
        .replace(/<[^>]+>/g, ' ')
        .replace(/\s+/g, ' ');
const says = async (visitor: Visitor, path: string): Promise<string> =>
    words(await (await visitor.get(path)).text());
const goesTo = (response: Response): string => response.headers.get('location') ?? '';

const newAddress = (): string => `new-${randomBytes(5).toString('hex')}@example.test`;

/** The link in the newest invitation to an address, as a path of the app. */
async function linkTo(address: string, after?: string): Promise<string> {
    const { text } = await mailTo(address, after);
    const [path = ''] = /\/join\/[\w-]+/.exec(text) ?? [];
    return path;
}

let business: Business;
let owner: Visitor;

/** Invites an address through the page; answers where it led. */
async function invite(address: string, role = 'staff', by = owner): Promise<Response> {
    return by.post('/more/team/invite', {
        account_id: business.accountId,
        email: address,
        role_id: await business.roleId(role),
        idempotency_key: randomUUID()
    });
}

async function memberId(of: Business, person: Person): Promise<string> {
    const { data, error } = await of.owner.db
        .from('members')
        .select('id')
        .eq('account_id', of.accountId)
        .eq('user_id', person.id)
        .single<{ id: string }>();
    if (error) throw error;
    return data.id;
}

const join = (visitor: Visitor, name = 'Priya Nair'): Promise<Response> =>
    visitor.post('/join', { person_name: name, idempotency_key: randomUUID() });

beforeAll(async () => {
    business = await aBusiness({ name: 'Bell Lane Electrical' });
    owner = await signedIn(business.owner, app);
});

describe('[ACC-4] an invitation', () => {
    it('leads somebody without a login from the e-mail into the team', async () => {
        const address = newAddress();
        const sent = await invite(address);
        expect(sent.status).toBe(303);
        expect(await says(owner, goesTo(sent))).toContain(`Invitation sent to ${address}`);
        const mail = await mailTo(address);
        expect(mail.subject).toBe('Sam Bell asks you to join Bell Lane Electrical');

        const guest = aVisitor(app);
        const opened = await guest.get(await linkTo(address));
        expect([opened.status, goesTo(opened)]).toEqual([303, '/join']);
        const page = await says(guest, '/join');
        expect(page).toContain('asks you to join the team of Bell Lane Electrical as Staff');

        const began = await guest.post('/sign-in', { email: address, next: '/join' });
        expect(goesTo(began)).toBe('/sign-in/code');
        const entered = await guest.post('/sign-in/code?/enter', { code: await codeFor(address, mail.id) });
        expect(goesTo(entered)).toBe('/join');
        expect(await says(guest, '/join')).toContain('Your name');

        const joined = await join(guest);
        expect(goesTo(joined)).toBe('/today');
        expect(guest.cookies.has('__Host-tf-join'), 'the token is forgotten').toBe(false);
        expect((await guest.get('/jobs')).status).toBe(200);
        expect(await says(owner, '/more/team')).toContain('Priya Nair');
    });

    it('keeps its token out of addresses, pages and the referrer', async () => {
        const address = newAddress();
        await invite(address);
        const path = await linkTo(address);
        const token = path.slice('/join/'.length);
        const guest = aVisitor(app);
        const opened = await guest.get(path);
        expect(goesTo(opened)).not.toContain(token);
        expect(opened.headers.get('referrer-policy')).toBe('same-origin');
        const kept = opened.headers.getSetCookie().find((line) => line.startsWith('__Host-tf-join='));
        expect(kept).toMatch(/;\s*httponly/i);
        expect(kept).toMatch(/;\s*secure/i);
        expect(kept).toMatch(/;\s*samesite=lax/i);
        expect(await (await guest.get('/join')).text()).not.toContain(token);
    });

    it('comes along when somebody signs up with a password on the way', async () => {
        const address = newAddress();
        await invite(address);
        const mail = await mailTo(address);
        const guest = aVisitor(app);
        await guest.get(await linkTo(address));
        await guest.post('/sign-up', { email: address });
        await guest.post('/sign-in/code?/enter', { code: await codeFor(address, mail.id) });
        const set = await guest.post('/reset/password', { password: 'a long enough password' });
        expect(goesTo(set)).toBe('/today');
        expect(goesTo(await guest.get('/today'))).toBe('/welcome');
        expect(goesTo(await guest.get('/welcome'))).toBe('/join');
        expect((await guest.get('/welcome?own')).status, 'or they open their own').toBe(200);
    });

    it('is worth nothing to whom it was passed on', async () => {
        const address = newAddress();
        await invite(address);
        const other = await aPerson('passed-on');
        const visitor = await signedIn(other, app);
        await visitor.get(await linkTo(address));
        expect(await says(visitor, '/join')).toContain(`You are signed in as ${other.email}`);
        const refused = await join(visitor);
        expect(refused.status).toBe(403);
        expect(words(await refused.text())).toContain('This invitation is for another e-mail address');
        expect(goesTo(await visitor.get('/today'))).toBe('/welcome');
    });

    it('works once', async () => {
        const person = await aPerson('once');
        await invite(person.email);
        const path = await linkTo(person.email);
        const visitor = await signedIn(person, app);
        await visitor.get(path);
        expect(goesTo(await join(visitor))).toBe('/today');
        await visitor.get(path);
        expect(await says(visitor, '/join')).toContain('This invitation is over');
        expect((await join(visitor)).status).toBe(404);
    });

    it('that is accepted in two windows at once makes one member', async () => {
        const person = await aPerson('twice');
        await invite(person.email);
        const path = await linkTo(person.email);
        const windows = await Promise.all([1, 2, 3, 4].map(() => signedIn(person, app)));
        await Promise.all(windows.map((window) => window.get(path)));
        const answers = await Promise.all(windows.map((window) => join(window)));
        expect(answers.map(goesTo).filter((to) => to === '/today')).toHaveLength(1);
        expect(await memberId(business, person)).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('is withdrawn, and sent again with another link', async () => {
        const person = await aPerson('again');
        const sent = await invite(person.email);
        const invitation = new URL(goesTo(sent), app).searchParams.get('invited') ?? '';
        const first = await mailTo(person.email);
        const old = await linkTo(person.email);
        const resent = await owner.post('/more/team?/resend', {
            account_id: business.accountId,
            invitation_id: invitation,
            idempotency_key: randomUUID()
        });
        expect(await says(owner, goesTo(resent))).toContain(`Invitation sent to ${person.email}`);
        const visitor = await signedIn(person, app);
        await visitor.get(old);
        expect(await says(visitor, '/join')).toContain('This invitation is over');
        const renewed = await linkTo(person.email, first.id);
        await visitor.get(renewed);
        expect(await says(visitor, '/join')).toContain('Join Bell Lane Electrical');

        const withdrawn = await owner.post('/more/team?/withdraw', {
            account_id: business.accountId,
            invitation_id: invitation
        });
        expect(await says(owner, goesTo(withdrawn))).toContain('Invitation withdrawn');
        expect((await join(visitor)).status).toBe(404);
    });

    it('that is no invitation of ours opens nothing', async () => {
        for (const token of ['A'.repeat(43), 'short', 'x'.repeat(200)]) {
            const guest = aVisitor(app);
            await guest.get(`/join/${token}`);
            expect(await says(guest, '/join')).toContain('This invitation is over');
        }
    });

    it('is refused with a sentence beside the field, and what was typed stays', async () => {
        const answer = await invite('nobody');
        expect(answer.status).toBe(400);
        const page = await answer.text();
        expect(words(page)).toContain('Type an e-mail address, like sam@example.co.uk.');
        expect(page).toContain('value="nobody"');
        const again = await invite(business.owner.email);
        expect(again.status).toBe(409);
        expect(words(await again.text())).toContain('They are in the team already.');
    });
});

describe('[ACC-4] somebody who is removed', () => {
    it('is out with their next request, in the open page, at the Data API and in storage, and comes back by undo', async () => {
        const mate = await business.withMember('admin');
        const { documentId } = await business.anInvoice();
        const visitor = await signedIn(mate, app);
        const form = { account_id: business.accountId, name: 'New', address_line_1: '1 Mill Lane' };
        expect((await visitor.get('/customers')).status).toBe(200);
        const stored = await mate.db
            .from('documents')
            .select('bucket_id, object_name')
            .eq('id', documentId)
            .single<{ bucket_id: string; object_name: string }>();
        const { bucket_id: bucket = '', object_name: file = '' } = stored.data ?? {};
        expect((await mate.db.storage.from(bucket).download(file)).error).toBe(null);

        const id = await memberId(business, mate);
        const removed = await owner.post(`/more/team/${id}?/remove`, { account_id: business.accountId });
        const page = await (await owner.get(goesTo(removed))).text();
        expect(words(page)).toContain('admin is out of the team, on every device.');
        expect(page).toContain('Undo');

        const sent = await visitor.post('/customers/new', { ...form, idempotency_key: randomUUID() });
        expect(goesTo(sent), 'the form of an open page').toBe('/left');
        expect((await mate.db.from('customers').select('id')).data).toEqual([]);
        expect((await mate.db.storage.from(bucket).download(file)).error).not.toBe(null);

        expect(goesTo(await visitor.get('/customers'))).toBe('/left');
        expect(await says(visitor, '/left')).toContain(
            'You are no longer in the team of Bell Lane Electrical'
        );

        const undone = await owner.post('/more/team?/restore', {
            account_id: business.accountId,
            member_id: id
        });
        expect(await says(owner, goesTo(undone))).toContain('admin is back in the team.');
        expect((await visitor.get('/customers')).status).toBe(200);
    });

    it('goes on with another business, once they have been told', async () => {
        const other = await aBusiness({ name: 'Finch Roofing' });
        const person = other.owner;
        await invite(person.email);
        const visitor = await signedIn(person, app);
        await visitor.get(await linkTo(person.email));
        await join(visitor);
        expect(await says(visitor, '/today')).toContain('Bell Lane Electrical');
        await call(business.owner.db, 'remove_member', {
            account_id: business.accountId,
            member_id: await memberId(business, person)
        });
        expect(goesTo(await visitor.get('/today'))).toBe('/left');
        expect(await says(visitor, '/left')).toContain('Go on with Finch Roofing');
        expect(await says(visitor, '/today')).toContain('Finch Roofing');
        expect(goesTo(await visitor.get('/left'))).toBe('/today');
        const late = await visitor.post('/customers/new', {
            account_id: business.accountId,
            name: 'New',
            idempotency_key: randomUUID()
        });
        expect(late.status, 'a form that still names the other one').toBe(403);
        expect(words(await late.text())).toContain('You are no longer in the team of this business');
    });
});

describe('[ACC-4] leaving', () => {
    it('asks first, and then everybody may, whatever their role', async () => {
        const agent = await business.withMember('agent');
        const visitor = await signedIn(agent, app);
        expect(await says(visitor, '/more/leave')).toContain('You leave the team of Bell Lane Electrical');
        const unsure = await visitor.post('/more/leave', { account_id: business.accountId });
        expect(await says(visitor, goesTo(unsure))).toContain('Nothing has changed.');
        const left = await visitor.post('/more/leave', { account_id: business.accountId, sure: 'on' });
        expect(goesTo(left)).toBe('/left');
        expect(await says(visitor, '/left')).toContain('You are no longer in the team');
        const back = await owner.post('/more/team?/restore', {
            account_id: business.accountId,
            member_id: await memberId(business, agent)
        });
        expect(back.status, 'nobody is fetched back').toBe(409);
        expect(words(await back.text())).toContain('They left by themselves');
    });
});

describe('[ACC-3] roles', () => {
    it('are made of ticks, told in words, given, and count at once', async () => {
        const made = await owner.post('/more/roles/new', {
            account_id: business.accountId,
            name: 'Bookkeeper',
            permissions: 'payments.read',
            idempotency_key: randomUUID()
        });
        const role = /\/more\/roles\/([0-9a-f-]+)/.exec(goesTo(made))?.[1] ?? '';
        const page = await says(owner, goesTo(made));
        expect(page).toContain('Whoever has this role opens Today, More.');
        expect(page).toMatch(/Sees.*Payments.*Never gets to.*See customers and sites/);

        const staff = await business.withMember('staff');
        const visitor = await signedIn(staff, app);
        expect((await visitor.get('/jobs')).status).toBe(200);
        const id = await memberId(business, staff);
        const given = await owner.post(`/more/team/${id}?/role`, {
            account_id: business.accountId,
            role_id: role
        });
        expect(await says(owner, goesTo(given))).toContain('Bookkeeper of Bell Lane Electrical since');
        expect((await visitor.get('/jobs')).status).toBe(403);

        const changed = await owner.post(`/more/roles/${role}/edit`, {
            account_id: business.accountId,
            name: 'Bookkeeper',
            permissions: 'jobs.read',
            idempotency_key: randomUUID()
        });
        expect(await says(owner, goesTo(changed))).toContain('Saved.');
        expect((await visitor.get('/jobs')).status).toBe(200);
    });

    it('that allow nothing, or have no name, are sent back with a sentence', async () => {
        const answer = await owner.post('/more/roles/new', {
            account_id: business.accountId,
            name: '',
            idempotency_key: randomUUID()
        });
        expect(answer.status).toBe(400);
        const page = words(await answer.text());
        expect(page).toContain('Tick at least one thing that this role may do.');
        expect(page).toContain('Give the role a name, like Bookkeeper.');
    });

    it('are given and made by nobody who may not do as much', async () => {
        const admin = await business.withMember('admin');
        const visitor = await signedIn(admin, app);
        const owners = await visitor.post('/more/team/invite', {
            account_id: business.accountId,
            email: newAddress(),
            role_id: await business.roleId('owner'),
            idempotency_key: randomUUID()
        });
        expect(owners.status).toBe(403);
        expect(words(await owners.text())).toContain('Only an owner of the business can do that.');
        const more = await visitor.post('/more/roles/new', {
            account_id: business.accountId,
            name: 'Treasurer',
            permissions: 'payouts.manage',
            idempotency_key: randomUUID()
        });
        expect(more.status).toBe(403);
        expect(words(await more.text())).toContain(
            'You can only give or take away what your own role allows'
        );
        const form = await (await visitor.get('/more/roles/new')).text();
        expect(form).not.toContain('payouts.manage');
        const boss = await memberId(business, business.owner);
        const unmade = await visitor.post(`/more/team/${boss}?/remove`, { account_id: business.accountId });
        expect(unmade.status).toBe(403);
        expect((await owner.get('/today')).status).toBe(200);
    });

    it('every business has stay as they are', async () => {
        const staff = await business.roleId('staff');
        expect((await owner.get(`/more/roles/${staff}/edit`)).status).toBe(409);
        const answer = await owner.post(`/more/roles/${staff}/edit`, {
            account_id: business.accountId,
            name: 'Staff',
            permissions: 'jobs.read',
            idempotency_key: randomUUID()
        });
        expect(answer.status).toBe(409);
    });
});

describe('[ACC-5] ownership', () => {
    it('is handed over on a page that says what will happen', async () => {
        const firm = await aBusiness({ name: 'Handed On' });
        const first = await signedIn(firm.owner, app);
        const successor = await firm.withMember('staff');
        const id = await memberId(firm, successor);
        expect(await says(first, `/more/team/${id}/owner`)).toContain('You become an admin.');
        const done = await first.post(`/more/team/${id}/owner`, {
            account_id: firm.accountId,
            idempotency_key: randomUUID()
        });
        expect(await says(first, goesTo(done))).toContain('Owner of Handed On since');
        expect((await first.get('/more/payouts')).status, 'what only an owner may').toBe(403);
        const second = await signedIn(successor, app);
        expect((await second.get('/more/payouts')).status).toBe(200);
        const again = await first.post(`/more/team/${id}/owner`, {
            account_id: firm.accountId,
            idempotency_key: randomUUID()
        });
        expect(again.status).toBe(403);
    });

    it('is not given up by the last owner, who is told so', async () => {
        const left = await owner.post('/more/leave', { account_id: business.accountId, sure: 'on' });
        expect(left.status).toBe(409);
        expect(words(await left.text())).toContain('A business always keeps at least one owner');
    });

    it('stays with one of two owners who remove each other at the same moment', async () => {
        for (let round = 0; round < 10; round += 1) {
            const firm = await aBusiness();
            const second = await firm.withMember('owner');
            const [mine, theirs] = await Promise.all([memberId(firm, firm.owner), memberId(firm, second)]);
            const [one, other] = await Promise.all([
                firm.owner.db.rpc('remove_member', { account_id: firm.accountId, member_id: theirs }),
                second.db.rpc('remove_member', { account_id: firm.accountId, member_id: mine })
            ]);
            expect([one.error, other.error].filter((error) => error === null)).toHaveLength(1);
            const left = one.error === null ? firm.owner : second;
            const seats = await call<number>(left.db, 'seats', { account_id: firm.accountId });
            expect(seats).toBe(1);
        }
    });
});
