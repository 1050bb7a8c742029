// Who works on which job, by plain forms: the office puts people on, and staff see their own jobs and no prices.
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { aBusiness, type Business, type Person } from '../../support/business.ts';
import { signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';

let business: Business;
let mate: Person;
let owner: Visitor;
let staff: Visitor;
let mateId: string;

const text = async (visitor: Visitor, path: string): Promise<string> => (await visitor.get(path)).text();
const change = (job: string, fields: Record<string, string>): Promise<Response> =>
    owner.post(`/jobs/${job}/people`, { account_id: business.accountId, ...fields });

beforeAll(async () => {
    business = await aBusiness({ name: 'Bell Lane Electrical' });
    mate = await business.withMember('staff');
    owner = await signedIn(business.owner, app);
    staff = await signedIn(mate, app);
    const { data } = await business.owner.db
        .from('members')
        .select('id')
        .eq('user_id', mate.id)
        .single<{ id: string }>();
    mateId = data?.id ?? '';
});

describe('[ACC-3] staff', () => {
    it('see the job that they are put on, and no longer once they are taken off', async () => {
        const { jobId } = await business.aJob('Replace the board');
        const other = await business.aJob('Somebody else’s work');
        expect((await staff.get(`/jobs/${jobId}`)).status).toBe(404);
        expect(await text(owner, `/jobs/${jobId}`)).toContain('Put somebody on it');

        expect((await change(jobId, { are: mateId })).headers.get('location')).toBe(`/jobs/${jobId}`);
        expect(await text(staff, `/jobs/${jobId}`)).toContain('Replace the board');
        expect((await staff.get(`/jobs/${other.jobId}`)).status).toBe(404);
        const list = await text(staff, '/jobs?show=all');
        expect(list).toContain('Replace the board');
        expect(list).not.toContain('Somebody else’s work');

        await change(jobId, { were: mateId });
        expect((await staff.get(`/jobs/${jobId}`)).status).toBe(404);
        const { data } = await mate.db.from('jobs').select('id').eq('id', jobId);
        expect(data, 'at the Data API as well').toEqual([]);
    });

    it('see the job that they add, and put nobody on it', async () => {
        const added = await staff.post('/jobs/new', {
            account_id: business.accountId,
            title: 'Found on site',
            customer_name: 'Nia Rowe',
            idempotency_key: randomUUID()
        });
        const path = added.headers.get('location') ?? '';
        const page = await text(staff, path);
        expect(page).toContain('Found on site');
        expect(page).not.toContain('/people"');
        expect((await staff.get(`${path}/people`)).status).toBe(403);
    });

    it('see no prices: neither invoices nor the way to them', async () => {
        const { invoiceId } = await business.anInvoice();
        expect((await staff.get('/money')).status).toBe(403);
        expect((await staff.get(`/invoices/${invoiceId}`)).status).toBe(403);
        const today = await text(staff, '/today');
        expect(today).not.toContain('href="/money"');
        expect(today).toContain('href="/jobs"');
        expect(await text(owner, '/today')).toContain('href="/money"');
    });
});

describe('two people who say who is on a job', () => {
    it('change what each of them ticked, and nothing that the other one did meanwhile', async () => {
        const { jobId } = await business.aJob();
        const third = await business.withMember('staff');
        const { data } = await business.owner.db
            .from('members')
            .select('id')
            .eq('user_id', third.id)
            .single<{ id: string }>();
        const thirdId = data?.id ?? '';
        // Both pages were opened while nobody was on it.
        await change(jobId, { are: mateId });
        await change(jobId, { are: thirdId });
        const { data: on } = await business.owner.db
            .from('job_members')
            .select('member_id')
            .eq('job_id', jobId);
        expect(on?.map(({ member_id }) => String(member_id)).toSorted()).toEqual(
            [mateId, thirdId].toSorted()
        );
    });
});

describe('[ACC-3] a role of the business’s own', () => {
    const made = async (name: string): Promise<string> => {
        const answer = await owner.post('/more/roles/new', {
            account_id: business.accountId,
            name,
            permissions: 'jobs.all',
            idempotency_key: randomUUID()
        });
        return /\/more\/roles\/([\w-]+)/.exec(answer.headers.get('location') ?? '')?.[1] ?? '';
    };
    const remove = (role: string): Promise<Response> =>
        owner.post('/more/roles?/delete', { account_id: business.accountId, role_id: role });

    it('is deleted when nobody has it, and comes back by undo with what it allowed', async () => {
        const role = await made('Planner');
        expect(await text(owner, `/more/roles/${role}`)).toContain('Delete Planner');
        const page = await (await remove(role)).text();
        expect(page).toContain('Planner is deleted.');
        expect((await owner.get(`/more/roles/${role}`)).status).toBe(404);

        const offered = [...page.matchAll(/name="permissions" value="([\w.]+)"/g)].map(([, one]) => one);
        expect(offered.toSorted()).toEqual(['account.read', 'jobs.all', 'jobs.read']);
        const back = await owner.post('/more/roles?/restore', {
            account_id: business.accountId,
            name: 'Planner',
            permissions: 'jobs.all',
            idempotency_key: randomUUID()
        });
        expect(await text(owner, back.headers.get('location') ?? '')).toContain('everybody');
    });

    it('stays while somebody has it, and says why', async () => {
        const role = await made('Fitter');
        const fitter = await business.withMember('staff');
        const { data } = await business.owner.db
            .from('members')
            .select('id')
            .eq('user_id', fitter.id)
            .single<{ id: string }>();
        await owner.post(`/more/team/${data?.id ?? ''}?/role`, {
            account_id: business.accountId,
            role_id: role
        });
        expect(await text(owner, `/more/roles/${role}`)).not.toContain('Delete Fitter');
        const answer = await remove(role);
        expect(answer.status).toBe(409);
        expect(await answer.text()).toContain('Somebody has this role');
    });
});
