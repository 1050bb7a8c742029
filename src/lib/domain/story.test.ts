import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterInWords, kindOf, kindsIn } from './story-filter.ts';
import { SENTENCES } from './story-sentences.ts';
import {
    ACTOR_KINDS,
    actionInWords,
    changeInWords,
    changesOf,
    RESULTS,
    sentenceOf,
    type ActRecord
} from './story.ts';

const act = (given: Partial<ActRecord> & { action: string }): ActRecord => ({
    entity: given.action.split('.')[0] ?? '',
    result: 'ok',
    before: null,
    after: null,
    detail: null,
    actor_kind: 'person',
    actor_name: 'Jess',
    ...given
});
const inWords = (given: Parameters<typeof changesOf>[0]): string[] => changesOf(given).map(changeInWords);

describe('[AUD-5] an act is told as a sentence', () => {
    it.each([
        [act({ action: 'invoice.issued', after: { reference: 'INV-0042' } }), 'Jess issued invoice INV-0042'],
        [
            act({ action: 'invoice.issued', before: { state: 'paid' }, actor_kind: 'webhook' }),
            'Stripe marked the invoice unpaid again'
        ],
        [
            act({ action: 'sign_in.refused', result: 'refused', detail: { code: 'credentials_wrong' } }),
            'Jess’s sign-in was refused: wrong password'
        ],
        [
            act({ action: 'sign_in.succeeded', detail: { method: 'password' } }),
            'Jess signed in with a password'
        ],
        [
            act({ action: 'invoices.issue.refused', result: 'refused', detail: { code: 'not_allowed' } }),
            'Jess was refused (invoices, issue): their role does not allow it'
        ],
        [act({ action: 'job.in_progress' }), 'Jess moved the job to Doing'],
        [
            act({ action: 'customer.updated', before: { phone: '1' }, after: { phone: '2' } }),
            'Jess changed the phone of a customer'
        ],
        [
            act({ action: 'audit.verified', detail: { checked: 1234, bad: null } }),
            'Jess checked the audit chain over 1,234 records: whole'
        ],
        [
            act({ action: 'audit.verified', detail: { bad: { seq: 3, reason: 'record_changed' } } }),
            'Jess checked the audit chain and found it broken'
        ],
        [
            act({ action: 'audit.exported', detail: { format: 'csv' } }),
            'Jess exported the audit trail as CSV'
        ],
        [
            act({ action: 'account.viewed', actor_kind: 'platform_owner' }),
            'Jess from TradersFlow looked at the business'
        ],
        [act({ action: 'thing_nobody.has_heard_of' }), 'Jess thing nobody: has heard of'],
        [
            act({ action: 'customer.created', actor_name: null, erased: ['@actor', 'name'] }),
            'Somebody (name erased) added customer'
        ],
        [act({ action: 'constructor.toString' }), 'Jess constructor: toString'],
        [act({ action: '' }), 'Jess ']
    ])('%#: $action', (record, sentence) => {
        expect(sentenceOf(record)).toBe(sentence);
    });
});

describe('[AUD-5] a changed field is told in words', () => {
    it('with money, days, states, yes and no', () => {
        expect(
            inWords({
                before: {
                    unit_pence: 12_000,
                    due_on: '2026-11-22',
                    state: 'in_progress',
                    vat_registered: false
                },
                after: { unit_pence: 9_500, due_on: '2026-12-01', state: 'part_paid', vat_registered: true }
            })
        ).toEqual([
            'Price: £120.00 → £95.00',
            'Due: 22 Nov 2026 → 1 Dec 2026',
            'State: Doing → Part paid',
            'VAT registered: no → yes'
        ]);
    });

    it('with the name of what an id stands for, and without ids that have none', () => {
        const staff = '01900000-0000-7000-8000-000000000001';
        const admin = '01900000-0000-7000-8000-000000000002';
        expect(
            inWords({
                before: { role_id: staff, document_id: null },
                after: { role_id: admin, document_id: staff },
                names: { [staff]: 'Staff', [admin]: 'Admin' }
            })
        ).toEqual(['Role: Staff → Admin', 'Document: Staff']);
        expect(inWords({ before: null, after: { role_id: staff } })).toEqual([]);
    });

    it('as erased, where a value was erased', () => {
        expect(inWords({ before: null, after: { phone: '1' }, erased: ['email', '@from'] })).toEqual([
            'Phone: 1',
            'E-mail: erased'
        ]);
    });

    it('as it stands, where it is no day', () => {
        expect(inWords({ before: { due_on: 'soon' }, after: { due_on: null } })).toEqual([
            'Due: soon → nothing'
        ]);
    });

    it('without telling a secret', () => {
        expect(inWords({ before: null, after: { url: '[redacted]' } })).toEqual(['Url: kept secret']);
    });
});

it('[AUD-5] no record, whatever stands in it, stops the story', () => {
    const field = fc.oneof(
        fc.constantFrom(
            'due_on',
            'sent_at',
            'unit_pence',
            'state',
            'role_id',
            'data',
            '__proto__',
            'toString'
        ),
        fc.string()
    );
    const fields = fc.option(fc.dictionary(field, fc.jsonValue() as fc.Arbitrary<unknown>, { maxKeys: 6 }));
    const record = fc.record({
        action: fc.oneof(
            fc.constantFrom(...SENTENCES.keys()),
            fc.string(),
            fc.constantFrom('a.b', '.', 'job.')
        ),
        result: fc.constantFrom(...RESULTS),
        entity: fc.string(),
        before: fields,
        after: fields,
        detail: fields,
        erased: fc.array(field, { maxLength: 3 }),
        names: fc.dictionary(field, fc.string(), { maxKeys: 3 }),
        actor_kind: fc.constantFrom(...ACTOR_KINDS),
        actor_name: fc.option(fc.string())
    });
    fc.assert(
        fc.property(record, (given) => {
            expect(typeof sentenceOf(given)).toBe('string');
            for (const change of changesOf(given)) expect(changeInWords(change)).not.toBe('');
            expect(typeof actionInWords(given.action)).toBe('string');
            expect(kindsIn([given.action])).toEqual([kindOf(given.action)]);
        }),
        { numRuns: 2_000 }
    );
});

describe('[AUD-5] a filter is said in words', () => {
    const nothing = {
        thing: null,
        kind: null,
        action: null,
        who: null,
        result: null,
        since: null,
        until: null,
        words: null
    } as const;

    it('says the kind, the person and the day', () => {
        expect(filterInWords({ ...nothing, kind: 'invoices', who: 'Jess', since: '2026-11-01' })).toBe(
            'Invoices, by Jess, since 1 Nov 2026'
        );
    });

    it('says one day as one day, and what was refused', () => {
        expect(
            filterInWords({ ...nothing, result: 'refused', since: '2026-11-01', until: '2026-11-01' })
        ).toBe('Everything, that were refused, on 1 Nov 2026');
    });

    it('says nothing when nothing is filtered', () => {
        expect(filterInWords(nothing)).toBeNull();
    });
});
