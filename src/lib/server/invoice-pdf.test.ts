import { expect, it } from 'vitest';
import { invoicePdf, type InvoicePdfData } from './invoice-pdf.ts';

const invoice: InvoicePdfData = {
    reference: 'INV-0042',
    issued_on: '2026-11-22',
    supplied_on: '2026-11-20',
    due_on: '2026-12-06',
    supplier: {
        name: 'Bell Lane Electrical',
        address: ['4 Bell Lane', 'Hebden Bridge', 'HX7 8AA'],
        email: 'hello@belllane.example',
        phone: '07700 900123',
        vat_number: '831495816'
    },
    customer: { name: 'Siân Wałęsa-Ŵyn', address: ['12 Mill Street', 'Todmorden', 'OL14 5AA'] },
    site: ['The Old Chapel', 'Mytholm', 'HX7 6DS'],
    lines: [
        {
            description:
                'Fault finding and repair of the kitchen ring circuit, including making good around two sockets',
            quantity_milli: 2750,
            unit_pence: 4850,
            vat_rate_bp: 2000,
            net_pence: 13338
        },
        {
            description: 'Double socket, brushed steel',
            quantity_milli: 2000,
            unit_pence: 1899,
            vat_rate_bp: 2000,
            net_pence: 3798
        }
    ],
    vat: [{ vat_rate_bp: 2000, net_pence: 17136, vat_pence: 3427 }],
    net_pence: 17136,
    vat_pence: 3427,
    total_pence: 20563,
    notes: 'Thank you. The certificate follows by post.'
};

it('draws one page for a short invoice and more for a long one, the number on each', async () => {
    const short = Buffer.from(await invoicePdf(invoice)).toString('latin1');
    expect(short.startsWith('%PDF-')).toBe(true);
    expect(short).toContain('/Count 1');
    const line = invoice.lines[0];
    const lines = Array.from({ length: 60 }, () => line).filter((each) => each !== undefined);
    const long = Buffer.from(await invoicePdf({ ...invoice, lines }));
    expect(long.toString('latin1')).toMatch(/\/Count [345]/);
});
