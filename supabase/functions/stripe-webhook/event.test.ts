import { describe, expect, it } from 'vitest';
import { objectToApply, recordOf } from './event.ts';

const event = (type: string, object: Record<string, unknown>, account: string | null = 'acct_1') => ({
    id: 'evt_1',
    type,
    account,
    api_version: '2026-10-28.endive',
    created: 1_790_000_000,
    livemode: false,
    data: { object }
});
const applies = (type: string, object: Record<string, unknown>) =>
    objectToApply(recordOf(event(type, object), 'digest'));

describe('an event of Stripe', () => {
    it('is kept without its payload', () => {
        const charge = {
            object: 'charge',
            id: 'ch_1',
            payment_intent: 'pi_1',
            payment_method_details: { card: { last4: '4242' } }
        };
        expect(recordOf(event('charge.succeeded', charge), 'digest')).toEqual({
            id: 'evt_1',
            type: 'charge.succeeded',
            account: 'acct_1',
            api_version: '2026-10-28.endive',
            created: '2026-09-21T14:13:20.000Z',
            livemode: false,
            object_type: 'payment_intent',
            object_id: 'pi_1',
            sha256: 'digest'
        });
    });

    it.each([
        ['payment_intent.succeeded', { object: 'payment_intent', id: 'pi_1' }, 'payment_intent', 'pi_1'],
        [
            'charge.refunded',
            { object: 'charge', id: 'ch_1', payment_intent: 'pi_1' },
            'payment_intent',
            'pi_1'
        ],
        [
            'refund.created',
            { object: 'refund', id: 're_1', payment_intent: 'pi_1' },
            'payment_intent',
            'pi_1'
        ],
        [
            'checkout.session.completed',
            { object: 'checkout.session', id: 'cs_1' },
            'checkout_session',
            'cs_1'
        ],
        ['account.updated', { object: 'account', id: 'acct_1' }, 'account', 'acct_1']
    ])('%s makes the database ask for what it is about', (type, object, object_type, object_id) => {
        expect(applies(type, object)).toEqual({ object_type, object_id, account: 'acct_1' });
    });

    it.each([
        ['balance.available', { object: 'balance' }],
        ['charge.succeeded', { object: 'charge', id: 'ch_1', payment_intent: null }],
        ['capability.updated', { object: 'capability', id: 'card_payments' }],
        ['unheard.of', {}]
    ])('%s asks for nothing', (type, object) => {
        expect(applies(type, object)).toBeNull();
    });
});
