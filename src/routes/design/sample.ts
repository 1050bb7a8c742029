// Made-up data for the workbench: no person, no address and no number in it exists.
import type { ComponentProps } from 'svelte';
import type { Trail } from '$lib/ui/index.ts';

export const lines = [
    {
        description: 'Replace consumer unit, 10-way metal, with RCBOs',
        quantity_milli: 6_500,
        unit_pence: 5_500,
        vat_rate_bp: 2000,
        net_pence: 35_750
    },
    {
        description: 'Consumer unit and ten RCBOs',
        quantity_milli: 1_000,
        unit_pence: 28_640,
        vat_rate_bp: 2000,
        net_pence: 28_640
    },
    {
        description: 'Fit energy-saving heating controls',
        quantity_milli: 2_000,
        unit_pence: 4_800,
        vat_rate_bp: 500,
        net_pence: 9_600
    }
];

export const vat = [
    { vat_rate_bp: 2000, net_pence: 64_390, vat_pence: 12_878 },
    { vat_rate_bp: 500, net_pence: 9_600, vat_pence: 480 }
];

export const customers = [
    { id: '1', name: 'Bell Lane Bakery', detail: '4 Bell Lane, Ludlow SY8 1AA' },
    { id: '2', name: 'Siân Ŵyn Prŷs', detail: '12 Heol y Dŵr, Llandeilo SA19 6AA' },
    {
        id: '3',
        name: 'Mrs Abernathy-Featherstonehaugh & Daughters',
        detail: 'The Old Rectory, Church Stretton SY6 6AA'
    }
];

export const rows = [
    {
        id: 'a',
        title: 'Rewire of the kitchen and utility room',
        detail: 'Bell Lane Bakery · Mon 23 Nov',
        state: 'booked',
        pence: 0
    },
    {
        id: 'b',
        title: 'INV-0042 · Mrs Abernathy-Featherstonehaugh & Daughters',
        detail: 'due 9 Nov · 13 days late',
        state: 'overdue',
        pence: 124_050
    },
    {
        id: 'c',
        title: 'INV-0041 · Siân Ŵyn Prŷs',
        detail: 'paid by card · Fri 20 Nov',
        state: 'paid',
        pence: 86_868
    }
] as const;

type TrailRecord = ComponentProps<typeof Trail>['records'][number];
const base = {
    result: 'ok',
    chain_kind: 'account',
    entity: 'invoice',
    entity_id: '0199a1b2-0000-7000-8000-000000000042',
    subject: 'invoice',
    subject_id: '0199a1b2-0000-7000-8000-000000000042',
    hash: 'c2f1'.repeat(16),
    recorded_at: '2026-11-20T15:04:00Z',
    erased: [],
    commitments: `state:${'9ab4'.repeat(16)}`,
    actor_id: null,
    session_id: null,
    before: null,
    after: null,
    detail: null,
    subject_name: 'INV-0041',
    actor_kind: 'person',
    actor_name: 'Dai Morgan',
    via: 'app',
    ip: '192.0.2.17',
    user_agent: 'Mozilla/5.0 (Linux; Android 15) Chrome/142.0 Mobile',
    trusted: true,
    request_id: '5f2c8d4e-7d0b-4b52-9f3d-2f0a3b1c9e77'
} as const;

export const records: TrailRecord[] = [
    {
        ...base,
        id: 418,
        seq: 418,
        at: '2026-11-20T15:04:00Z',
        action: 'payment.created',
        entity: 'payment',
        actor_kind: 'webhook',
        actor_name: null,
        via: 'edge',
        ip: null,
        user_agent: null,
        after: { amount_pence: 86_868, method: 'card' }
    },
    {
        ...base,
        id: 417,
        seq: 417,
        at: '2026-11-20T14:58:00Z',
        action: 'portal_link.first_viewed',
        entity: 'portal_link',
        actor_kind: 'customer',
        actor_name: null,
        user_agent: 'Safari on iPhone'
    },
    { ...base, id: 416, seq: 416, at: '2026-11-19T17:31:00Z', action: 'invoice.sent' },
    {
        ...base,
        id: 415,
        seq: 415,
        at: '2026-11-19T17:30:00Z',
        action: 'invoice.issued',
        after: { reference: 'INV-0041', total_pence: 86_868, due_on: '2026-12-03' }
    },
    {
        ...base,
        id: 409,
        seq: 409,
        at: '2026-11-19T17:12:00Z',
        action: 'job.updated',
        entity: 'job',
        before: { state: 'in_progress' },
        after: { state: 'done' }
    }
];
