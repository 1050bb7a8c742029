// The invoice as a PDF: what SI 1995/2518 reg 14(1) asks for, and no VAT at all for a trader who isn't registered.
// Takes frozen data, returns bytes; knows nothing of storage or the database.
import { createRequire } from 'node:module';
import PDFDocument from 'pdfkit';
import { formatDay } from '$lib/domain/dates.ts';
import { formatRate } from '$lib/domain/invoice.ts';
import { formatPence } from '$lib/domain/money.ts';
import { formatQuantity } from '$lib/domain/quantity.ts';
import { formatVatNumber } from '$lib/domain/uk.ts';

export type Party = {
    name: string;
    /** Address lines from street to postcode, without empty ones. */
    address: readonly string[];
    email?: string | null;
    phone?: string | null;
};

export type InvoicePdfData = {
    reference: string;
    issued_on: string;
    /** Time of supply. */
    supplied_on: string;
    due_on: string;
    supplier: Party & { vat_number: string | null };
    customer: Party;
    site: readonly string[];
    lines: readonly {
        description: string;
        quantity_milli: number;
        unit_pence: number;
        vat_rate_bp: number | null;
        net_pence: number;
    }[];
    vat: readonly { vat_rate_bp: number; net_pence: number; vat_pence: number }[];
    net_pence: number;
    vat_pence: number;
    total_pence: number;
    notes: string | null;
};

const INK = '#15181D';
const INK_2 = '#4B5059';
const LINE = '#D9D4C7';
const MARGIN = 48;
const BOTTOM = 72;

const require = createRequire(import.meta.url);
const font = (file: string): string => require.resolve(`@expo-google-fonts/archivo/${file}`);

type Column = { title: string; width: number; align: 'left' | 'right' };

/** Draws the invoice on A4 pages, with its table's head on each and page numbers below. Same data, same content. */
export function invoicePdf(data: InvoicePdfData): Promise<Uint8Array<ArrayBuffer>> {
    const doc = new PDFDocument({
        size: 'A4',
        margins: { top: MARGIN, left: MARGIN, right: MARGIN, bottom: BOTTOM },
        bufferPages: true,
        lang: 'en-GB',
        displayTitle: true,
        info: {
            Title: `Invoice ${data.reference}`,
            Author: data.supplier.name,
            CreationDate: new Date(`${data.issued_on}T12:00:00Z`)
        }
    });
    doc.registerFont('body', font('400Regular/Archivo_400Regular.ttf'));
    doc.registerFont('strong', font('600SemiBold/Archivo_600SemiBold.ttf'));
    const bytes = collect(doc);
    drawHead(doc, data);
    drawParties(doc, data);
    drawLines(doc, data);
    drawTotals(doc, data);
    drawNotes(doc, data);
    drawFeet(doc, data);
    doc.end();
    return bytes;
}

function collect(doc: PDFKit.PDFDocument): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve, reject) => {
        const chunks: Buffer[] = [];
        doc.on('data', (chunk: Buffer) => chunks.push(chunk));
        doc.on('end', () => resolve(new Uint8Array(Buffer.concat(chunks))));
        doc.on('error', reject);
    });
}

const left = MARGIN;
const width = (doc: PDFKit.PDFDocument): number => doc.page.width - 2 * MARGIN;
const right = (doc: PDFKit.PDFDocument): number => doc.page.width - MARGIN;

function drawHead(doc: PDFKit.PDFDocument, data: InvoicePdfData): void {
    const top = doc.y;
    doc.font('strong').fontSize(20).fillColor(INK).text(data.supplier.name, left, top, { width: 300 });
    doc.font('body').fontSize(9.5).fillColor(INK_2);
    for (const line of [...data.supplier.address, data.supplier.phone, data.supplier.email]) {
        if (line) doc.text(line, { width: 300 });
    }
    if (data.supplier.vat_number !== null)
        doc.text(`VAT number ${formatVatNumber(data.supplier.vat_number)}`);
    const leftEnd = doc.y;

    const title = data.supplier.vat_number === null ? 'Invoice' : 'VAT invoice';
    doc.font('body')
        .fontSize(10)
        .fillColor(INK_2)
        .text(title, left, top + 4, { width: width(doc), align: 'right' });
    doc.font('strong')
        .fontSize(20)
        .fillColor(INK)
        .text(data.reference, { width: width(doc), align: 'right' });
    doc.y = Math.max(leftEnd, doc.y) + 22;
}

function drawParties(doc: PDFKit.PDFDocument, data: InvoicePdfData): void {
    const top = doc.y;
    const block = (title: string, lines: readonly string[], x: number, w: number): number => {
        doc.font('body').fontSize(8.5).fillColor(INK_2).text(title, x, top, { width: w });
        lines.forEach((line, i) => {
            doc.font(i === 0 ? 'strong' : 'body')
                .fontSize(10)
                .fillColor(INK)
                .text(line, x, doc.y + 1, { width: w });
        });
        return doc.y;
    };
    const ends = [block('Invoice to', [data.customer.name, ...data.customer.address], left, 200)];
    if (data.site.length > 0) ends.push(block('Work at', data.site, left + 216, 140));
    const facts: [string, string][] = [
        ['Invoice date', formatDay(data.issued_on)],
        ['Date of supply', formatDay(data.supplied_on)],
        ['Please pay by', formatDay(data.due_on)]
    ];
    let y = top;
    for (const [name, value] of facts) {
        doc.font('body')
            .fontSize(8.5)
            .fillColor(INK_2)
            .text(name, right(doc) - 130, y, { width: 130, align: 'right' });
        doc.font('strong').fontSize(10).fillColor(INK).text(value, { width: 130, align: 'right' });
        y = doc.y + 5;
    }
    doc.y = Math.max(...ends, y) + 20;
}

function columns(doc: PDFKit.PDFDocument, data: InvoicePdfData): Column[] {
    const showVat = data.supplier.vat_number !== null;
    const narrow: Column[] = [
        { title: 'Quantity', width: 56, align: 'right' },
        { title: 'Unit price', width: 76, align: 'right' },
        ...(showVat ? [{ title: 'VAT', width: 44, align: 'right' } as const] : []),
        { title: 'Amount', width: 84, align: 'right' }
    ];
    const rest = width(doc) - narrow.reduce((sum, column) => sum + column.width, 0);
    return [{ title: 'Description', width: rest, align: 'left' }, ...narrow];
}

function drawRow(doc: PDFKit.PDFDocument, shape: readonly Column[], cells: readonly string[]): void {
    const top = doc.y;
    let x = left;
    let end = top;
    shape.forEach((column, i) => {
        doc.text(cells[i] ?? '', x, top, { width: column.width - (i === 0 ? 12 : 0), align: column.align });
        end = Math.max(end, doc.y);
        x += column.width;
    });
    doc.y = end;
}

function rule(doc: PDFKit.PDFDocument, gap: number): void {
    doc.y += gap;
    doc.moveTo(left, doc.y).lineTo(right(doc), doc.y).lineWidth(0.7).strokeColor(LINE).stroke();
    doc.y += gap;
}

function drawLines(doc: PDFKit.PDFDocument, data: InvoicePdfData): void {
    const shape = columns(doc, data);
    const head = (): void => {
        doc.font('body').fontSize(8.5).fillColor(INK_2);
        drawRow(
            doc,
            shape,
            shape.map((column) => column.title)
        );
        rule(doc, 4);
    };
    head();
    for (const line of data.lines) {
        doc.font('body').fontSize(10);
        const needed = doc.heightOfString(line.description, { width: (shape[0]?.width ?? 0) - 12 }) + 12;
        if (doc.y + needed > doc.page.height - BOTTOM) {
            doc.addPage();
            head();
        }
        doc.font('body').fontSize(10).fillColor(INK);
        const rate = line.vat_rate_bp === null ? [] : [formatRate(line.vat_rate_bp)];
        drawRow(doc, shape, [
            line.description,
            formatQuantity(line.quantity_milli),
            formatPence(line.unit_pence),
            ...(data.supplier.vat_number === null ? [] : rate),
            formatPence(line.net_pence)
        ]);
        rule(doc, 5);
    }
}

function drawTotals(doc: PDFKit.PDFDocument, data: InvoicePdfData): void {
    const rows: [string, string][] = [];
    if (data.supplier.vat_number !== null) {
        rows.push(['Total without VAT', formatPence(data.net_pence)]);
        for (const rate of data.vat) {
            rows.push([
                `VAT ${formatRate(rate.vat_rate_bp)} on ${formatPence(rate.net_pence)}`,
                formatPence(rate.vat_pence)
            ]);
        }
        rows.push(['Total VAT', formatPence(data.vat_pence)]);
    }
    const height = rows.length * 16 + 46;
    if (doc.y + height > doc.page.height - BOTTOM) doc.addPage();
    doc.y += 8;
    for (const [name, value] of rows) {
        const y = doc.y;
        doc.font('body')
            .fontSize(10)
            .fillColor(INK_2)
            .text(name, left, y, { width: width(doc) - 100, align: 'right' });
        doc.fillColor(INK).text(value, left, y, { width: width(doc), align: 'right' });
        doc.y = y + 16;
    }
    const y = doc.y + 6;
    doc.font('strong')
        .fontSize(12)
        .fillColor(INK)
        .text('To pay', left, y + 7, { width: width(doc) - 140, align: 'right' });
    doc.fontSize(20).text(formatPence(data.total_pence), left, y, { width: width(doc), align: 'right' });
    doc.y += 16;
}

function drawNotes(doc: PDFKit.PDFDocument, data: InvoicePdfData): void {
    if (!data.notes) return;
    doc.font('body')
        .fontSize(10)
        .fillColor(INK)
        .text(data.notes, left, doc.y, { width: width(doc) });
}

function drawFeet(doc: PDFKit.PDFDocument, data: InvoicePdfData): void {
    const { start, count } = doc.bufferedPageRange();
    for (let page = start; page < start + count; page += 1) {
        doc.switchToPage(page);
        doc.page.margins.bottom = 0; // The foot stands below the text's margin, where pdfkit would begin a new page.
        const y = doc.page.height - BOTTOM + 24;
        const text = count > 1 ? `${data.reference} · page ${page - start + 1} of ${count}` : data.reference;
        doc.font('body').fontSize(8.5).fillColor(INK_2);
        doc.text(data.supplier.name, left, y, { width: width(doc) / 2, lineBreak: false });
        doc.text(text, left, y, { width: width(doc), align: 'right', lineBreak: false });
        doc.page.margins.bottom = BOTTOM;
    }
}
