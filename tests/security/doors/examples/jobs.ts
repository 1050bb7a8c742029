// The doors of jobs and their photos.
import { fromAPhone } from '../../../integration/photographs.ts';
import type { Business } from '../../../support/business.ts';
import { TYPED, changes, everybody, key, lines, shows, today, type Examples } from './example.ts';
import { aMember } from './team.ts';

const STARTER = {
    for: everybody,
    by: 'private.discard_document discards for nobody but who started the document'
};

async function invoiceFields(of: Business): Promise<{ job: string; fields: Record<string, string> }> {
    const { jobId, customerId } = await of.aJob();
    return {
        job: jobId,
        fields: {
            job_id: jobId,
            customer_id: customerId,
            supplied_on: today(),
            due_on: today(),
            idempotency_key: key(),
            ...lines
        }
    };
}

const photo = async (of: Business): Promise<{ path: string; documentId: string; store(): Promise<void> }> => {
    const { jobId } = await of.aJob();
    const started = await of.owner.db.rpc('start_document', {
        account_id: of.accountId,
        job_id: jobId,
        kind: 'photo',
        file_name: 'board.jpg',
        idempotency_key: key()
    });
    if (started.error) throw started.error;
    const { document_id, bucket_id, upload_name } = started.data as Record<string, string>;
    return {
        path: `/jobs/${jobId}/photos`,
        documentId: document_id ?? '',
        async store() {
            const { error } = await of.owner.db.storage
                .from(bucket_id ?? '')
                .upload(upload_name ?? '', await fromAPhone(), { contentType: 'image/jpeg' });
            if (error) throw error;
        }
    };
};

export const jobs: Examples = {
    '/(app)/jobs load': [shows(async (of) => (await of.aJob(), { path: '/jobs?show=all' }))],
    '/(app)/jobs/[job] load': [shows(async (of) => ({ path: `/jobs/${(await of.aJob()).jobId}` }))],
    '/(app)/jobs/[job] action:move': [
        changes(async (of) => ({
            path: `/jobs/${(await of.aJob()).jobId}?/move`,
            fields: { to: 'booked' }
        }))
    ],
    '/(app)/jobs/[job]/edit load': [shows(async (of) => ({ path: `/jobs/${(await of.aJob()).jobId}/edit` }))],
    '/(app)/jobs/[job]/edit action:default': [
        changes(async (of) => ({
            path: `/jobs/${(await of.aJob()).jobId}/edit`,
            fields: { title: `Renamed ${key()}` }
        }))
    ],
    '/(app)/jobs/[job]/people load': [
        shows(async (of) => ({ path: `/jobs/${(await of.aJob()).jobId}/people` }))
    ],
    '/(app)/jobs/[job]/people action:default': [
        changes(async (of) => ({
            path: `/jobs/${(await of.aJob()).jobId}/people`,
            fields: { are: await aMember(of) }
        }))
    ],
    '/(app)/jobs/[job]/invoice load': [
        shows(async (of) => ({ path: `/jobs/${(await of.aJob()).jobId}/invoice` }))
    ],
    '/(app)/jobs/[job]/invoice action:save': [
        changes(async (of) => {
            const { job, fields } = await invoiceFields(of);
            return { path: `/jobs/${job}/invoice?/save`, fields };
        })
    ],
    '/(app)/jobs/[job]/invoice action:add_line': [
        {
            does: 'neither',
            because: TYPED,
            async request(of) {
                const { job, fields } = await invoiceFields(of);
                return { path: `/jobs/${job}/invoice?/add_line`, fields };
            }
        }
    ],
    '/(app)/jobs/[job]/photos POST': [
        {
            name: 'start',
            does: 'changes',
            request: async (of) => ({
                path: `/jobs/${(await of.aJob()).jobId}/photos`,
                json: { step: 'start', file_name: 'board.jpg', idempotency_key: key() }
            })
        },
        {
            name: 'arrived',
            does: 'changes',
            async request(of) {
                const { path, documentId, store } = await photo(of);
                await store();
                return { path, json: { step: 'arrived', document_id: documentId } };
            }
        },
        {
            name: 'give_up',
            does: 'changes',
            thirdCheck: STARTER,
            async request(of) {
                const { path, documentId } = await photo(of);
                return { path, json: { step: 'give_up', document_id: documentId } };
            }
        }
    ],
    '/(app)/jobs/new load': [shows(async (of) => (await of.aCustomer(), { path: '/jobs/new' }))],
    '/(app)/jobs/new action:default': [
        changes(async (of) => {
            const { customerId } = await of.aCustomer();
            return {
                path: '/jobs/new',
                fields: { title: 'A new board', customer_id: customerId, idempotency_key: key() }
            };
        })
    ]
};
