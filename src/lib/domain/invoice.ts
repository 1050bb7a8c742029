// What an invoice adds up to. The same rules stand in the database, which has the last word;
// this copy lets the screen, the PDF and the tests agree with it to the penny.
import { divideRounded, pence, sumPence, type Pence } from './money.ts';

/** Basis points: 2000 is 20%. Null where the trader is not registered and so may show no VAT at all. */
export type VatRate = number | null;

export type Line = {
    /** Thousandths: one hour is 1000. */
    readonly quantity_milli: number;
    readonly unit_pence: number;
    readonly vat_rate_bp: VatRate;
};

export type VatSum = { readonly vat_rate_bp: number; readonly net_pence: Pence; readonly vat_pence: Pence };

export type InvoiceTotals = {
    /** One entry a line, in the lines' order. */
    readonly line_net_pence: readonly Pence[];
    readonly net_pence: Pence;
    readonly vat_pence: Pence;
    readonly total_pence: Pence;
    /** One entry a rate, highest first; empty where no VAT may be shown. */
    readonly by_rate: readonly VatSum[];
};

/** Rates a trader can put on a line today, with their names on screen (VATA 1994 s.2, Sch 7A, Sch 8). */
export const VAT_RATES = [
    { bp: 2000, label: '20%' },
    { bp: 500, label: '5%' },
    { bp: 0, label: '0%' }
] as const;

/** Quantity times unit price, rounded once to the nearest penny. */
export function lineNet(line: Pick<Line, 'quantity_milli' | 'unit_pence'>): Pence {
    return pence(divideRounded(BigInt(line.quantity_milli) * BigInt(line.unit_pence), 1000n));
}

/** Adds VAT once per rate over the whole document, nearest penny, halves away from zero (HMRC VAT Notice 700, 17.5 and 17.6). */
export function vatByRate(lines: readonly Line[]): readonly VatSum[] {
    const nets = new Map<number, bigint>();
    for (const line of lines) {
        if (line.vat_rate_bp === null) continue;
        nets.set(line.vat_rate_bp, (nets.get(line.vat_rate_bp) ?? 0n) + BigInt(lineNet(line)));
    }
    return [...nets]
        .sort(([a], [b]) => b - a)
        .map(([rate, net]) => ({
            vat_rate_bp: rate,
            net_pence: pence(net),
            vat_pence: pence(divideRounded(net * BigInt(rate), 10_000n))
        }));
}

/**
 * Adds up a document. A trader who is not registered shows no VAT (FA 2008 Sch 41 para 2), whatever the lines say.
 * Throws a RangeError when an amount is no whole number or too large to be exact.
 */
export function invoiceTotals(lines: readonly Line[], trader: { vatRegistered: boolean }): InvoiceTotals {
    const line_net_pence = lines.map(lineNet);
    const by_rate = trader.vatRegistered ? vatByRate(lines) : [];
    const net_pence = sumPence(line_net_pence);
    const vat_pence = sumPence(by_rate.map((rate) => rate.vat_pence));
    return { line_net_pence, by_rate, net_pence, vat_pence, total_pence: sumPence([net_pence, vat_pence]) };
}

/** `20%`, `5%`, `17.5%`. */
export function formatRate(bp: number): string {
    return `${bp / 100}%`;
}

export type InvoiceState = 'draft' | 'issued' | 'part_paid' | 'paid' | 'void';

/** The word on the stamp. Overdue is derived, never stored: it is owed and the due day has passed. */
export function invoiceStamp(
    invoice: { state: InvoiceState; due_on: string | null },
    today: string
): InvoiceState | 'overdue' {
    const owed = invoice.state === 'issued' || invoice.state === 'part_paid';
    return owed && invoice.due_on !== null && invoice.due_on < today ? 'overdue' : invoice.state;
}
