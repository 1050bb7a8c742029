import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addDays, dayOf, daysBetween, formatDay } from './dates.ts';
import { invoiceStamp, invoiceTotals, lineNet } from './invoice.ts';
import { canMoveJob, JOB_STATES, nextJobStates } from './lifecycle.ts';
import { divideRounded, formatPence, parsePounds, penceToInput } from './money.ts';
import { formatQuantity, parseQuantity } from './quantity.ts';
import { formatVatNumber, normalPhone, normalPostcode, normalVatNumber } from './uk.ts';

const line = (unit_pence: number, vat_rate_bp: number | null, quantity_milli = 1000) => ({
    quantity_milli,
    unit_pence,
    vat_rate_bp
});
const registered = { vatRegistered: true };

describe('what an invoice adds up to', () => {
    const golden: [string, ReturnType<typeof line>[], number, number, number][] = [
        ['G01 per rate, nearest penny', [line(333, 2000), line(333, 2000), line(333, 2000)], 999, 200, 1199],
        ['G04 half a penny goes up', [line(1210, 500)], 1210, 61, 1271],
        ['G05 mixed rates', [line(45000, 2000), line(38010, 500), line(120000, 0)], 203010, 10901, 213911],
        ['G06 a fractional quantity rounds once, then VAT', [line(4850, 2000, 2750)], 13338, 2668, 16006],
        [
            'G08 a negative line nets within its rate',
            [line(10000, 2000), line(-1005, 2000)],
            8995,
            1799,
            10794
        ]
    ];
    it.each(golden)('%s', (_, lines, net, vat, total) => {
        expect(invoiceTotals(lines, registered)).toMatchObject({
            net_pence: net,
            vat_pence: vat,
            total_pence: total
        });
    });

    it('G14 shows no VAT at all for a trader who is not registered', () => {
        const totals = invoiceTotals([line(9500, null), line(2500, 2000)], { vatRegistered: false });
        expect(totals).toMatchObject({ net_pence: 12000, vat_pence: 0, total_pence: 12000, by_rate: [] });
    });

    it('adds up: lines to net, rates to VAT, both to the total', () => {
        const lines = fc.array(
            fc.record({
                quantity_milli: fc.integer({ min: 1, max: 100_000 }),
                unit_pence: fc.integer({ min: -1_000_000, max: 1_000_000 }),
                vat_rate_bp: fc.constantFrom(0, 500, 2000)
            }),
            { maxLength: 30 }
        );
        fc.assert(
            fc.property(lines, (given) => {
                const totals = invoiceTotals(given, registered);
                expect(totals.net_pence).toBe(totals.by_rate.reduce((sum, rate) => sum + rate.net_pence, 0));
                expect(totals.total_pence).toBe(totals.net_pence + totals.vat_pence);
                expect(invoiceTotals([...given].reverse(), registered).total_pence).toBe(totals.total_pence);
                for (const rate of totals.by_rate) {
                    const exact = (rate.net_pence * rate.vat_rate_bp) / 10_000;
                    expect(Math.abs(rate.vat_pence - exact)).toBeLessThanOrEqual(0.5);
                }
            })
        );
    });

    it('stays exact beyond the range of floats', () => {
        expect(lineNet({ quantity_milli: 9_999_999, unit_pence: 1_000_000_000 })).toBe(9_999_999_000_000);
        expect(divideRounded(-5n, 2n)).toBe(-3n);
    });

    it('is overdue only while it is owed and the due day has passed', () => {
        const due = { state: 'issued' as const, due_on: '2026-11-21' };
        expect(invoiceStamp(due, '2026-11-22')).toBe('overdue');
        expect(invoiceStamp(due, '2026-11-21')).toBe('issued');
        expect(invoiceStamp({ ...due, state: 'paid' }, '2026-11-22')).toBe('paid');
    });
});

describe('money as people type it', () => {
    it.each([
        ['12.5', 1250],
        ['£12.50', 1250],
        ['1,200', 120000],
        ['.5', 50],
        ['-3', -300],
        ['−£3.00', -300],
        ['0', 0]
    ])('reads %s', (text, amount) => expect(parsePounds(text)).toBe(amount));
    it.each(['', 'abc', '1.234', '1,20', '12,345.678', '99999999999', '.', '1e3'])('refuses %j', (text) =>
        expect(parsePounds(text)).toBeNull()
    );
    it('reads back what it shows', () => {
        fc.assert(
            fc.property(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), (amount) => {
                expect(parsePounds(formatPence(amount))).toBe(amount);
                expect(parsePounds(penceToInput(amount))).toBe(amount);
            })
        );
    });
    it('reads and shows quantities exactly', () => {
        expect(parseQuantity('2.75')).toBe(2750);
        expect(parseQuantity('0')).toBeNull();
        expect(parseQuantity('1.2345')).toBeNull();
        fc.assert(
            fc.property(fc.integer({ min: 1, max: 9_999_999 }), (milli) => {
                expect(parseQuantity(formatQuantity(milli))).toBe(milli);
            })
        );
    });
});

describe('where a job can go', () => {
    it('never reaches invoiced or paid by hand', () => {
        for (const from of JOB_STATES) {
            expect(canMoveJob(from, 'invoiced')).toBe(false);
            expect(canMoveJob(from, 'paid')).toBe(false);
            expect(new Set(nextJobStates(from)).size).toBe(nextJobStates(from).length);
        }
        expect(nextJobStates('booked')[0]).toBe('in_progress');
    });
});

describe('UK particulars', () => {
    it('G66 and G67: a VAT number by its check digits', () => {
        expect(normalVatNumber('GB 831 4958 16')).toBe('831495816');
        expect(formatVatNumber('831495816')).toBe('GB 831 4958 16');
        expect(normalVatNumber('831495817')).toBeNull();
    });
    it('G69 and G70: postcode and phone in their normal form', () => {
        expect(normalPostcode('ec1a1bb')).toBe('EC1A 1BB');
        expect(normalPostcode('12345')).toBeNull();
        expect(normalPhone('07700 900123')).toBe('+447700900123');
        expect(normalPhone('+44 (0)7700 900123')).toBe('+447700900123');
        expect(normalPhone('12')).toBeNull();
    });
});

describe('dates', () => {
    it('counts days over a change of clocks and a leap year', () => {
        expect(addDays('2028-02-28', 2)).toBe('2028-03-01');
        expect(daysBetween('2026-10-20', '2026-11-03')).toBe(14);
        expect(formatDay('2026-11-22')).toBe('22 Nov 2026');
        expect(dayOf(new Date('2026-06-30T23:30:00Z'))).toBe('2026-07-01');
    });
});
