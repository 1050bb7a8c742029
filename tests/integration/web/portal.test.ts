// What a trader's customer sees and does with a private link, in a browser that runs no script.
import { beforeAll, describe, expect, it } from 'vitest';
import { CARDS, onboardAt, payAt } from '../../contract/stripe_stand_in.ts';
import { aBusiness, call, type Business, type Issued } from '../../support/business.ts';
import { stack } from '../../support/stack.ts';
import { aVisitor, signedIn, type Visitor } from '../../support/visitor.ts';

const app = process.env.TF_APP_URL ?? '';

/** Where a page moves on to by itself. */
function movesOnTo(page: string): string {
    const [, url = ''] = /<meta http-equiv="refresh" content="\d+;url=([^"]+)"/.exec(page) ?? [];
    return url.replaceAll('&amp;', '&');
}

/** A customer who has opened the link. */
async function aCustomer(token: string): Promise<Visitor> {
    const customer = aVisitor(app);
    const opened = await customer.get(`/p/${token}`);
    expect(opened.status).toBe(303);
    expect(opened.headers.get('location')).toBe('/portal/invoice');
    return customer;
}

/** What a page says, without its tags. */
const words = (page: string): string => page.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

let business: Business;
let invoice: Issued;
let token: string;

beforeAll(async () => {
    business = await aBusiness({ name: 'Bell Lane Electrical' });
    invoice = await business.anInvoice();
    token = await business.aLink(invoice.invoiceId);
});

describe('[PART-4] a private link', () => {
    it('shows the invoice under the trader’s name, with no script at all', async () => {
        const response = await (await aCustomer(token)).get('/portal/invoice');
        expect(response.status).toBe(200);
        const page = await response.text();
        expect(page).toContain(invoice.reference);
        expect(words(page)).toContain('Bell Lane Electrical');
        expect(words(page)).toContain('£504.00');
        expect(page).not.toMatch(/<script|modulepreload/);
        expect(page).not.toContain(token);
    });

    it('leads to the PDF by an address that works for a minute and carries no token of ours', async () => {
        const response = await (await aCustomer(token)).get('/portal/invoice.pdf');
        expect(response.status).toBe(302);
        const address = response.headers.get('location') ?? '';
        expect(new URL(address).origin).toBe(stack().apiUrl);
        expect(address).not.toContain(token);
        const file = await fetch(address);
        expect(file.status).toBe(200);
        expect(file.headers.get('content-type')).toBe('application/pdf');
    });

    it('that nobody has made says no more than that it is not valid', async () => {
        const customer = await aCustomer('A'.repeat(43));
        const response = await customer.get('/portal/invoice');
        expect(response.headers.get('location')).toBe('/portal/link-not-valid');
        expect(customer.cookies.has('__Host-tf-portal')).toBe(false);
        expect(await (await customer.get('/portal/link-not-valid')).text()).toContain(
            'This link is no longer valid'
        );
    });

    it('that was revoked shows nothing with the next request, wherever it is used', async () => {
        const { invoiceId } = await business.anInvoice();
        const revoked = await business.aLink(invoiceId);
        const customer = await aCustomer(revoked);
        expect((await customer.get('/portal/invoice')).status).toBe(200);
        const { owner, accountId } = business;
        await call(owner.db, 'revoke_portal_links', { account_id: accountId, invoice_id: invoiceId });
        for (const request of [
            () => customer.get('/portal/invoice.pdf'),
            () => customer.post('/portal/invoice?/pay', {}),
            () => customer.get('/portal/paid')
        ]) {
            customer.cookies.set('__Host-tf-portal', revoked);
            expect((await request()).headers.get('location')).toBe('/portal/link-not-valid');
        }
    });

    it('is needed: without one, no page of an invoice opens', async () => {
        for (const path of ['/portal/invoice', '/portal/invoice.pdf', '/portal/paid']) {
            expect((await aVisitor(app).get(path)).headers.get('location')).toBe('/portal/link-not-valid');
        }
    });

    it('cannot be used by a form from another site', async () => {
        const customer = await aCustomer(token);
        const response = await customer.post('/portal/invoice?/pay', {}, { origin: 'https://evil.example' });
        expect(response.status).toBe(403);
    });
});

describe('[PAY-3] paying', () => {
    it('is not offered by a business that takes no cards, and says so when asked anyway', async () => {
        const customer = await aCustomer(token);
        const page = await (await customer.get('/portal/invoice')).text();
        expect(words(page)).toContain('does not take cards here yet');
        expect(page).not.toContain('?/pay');
        const asked = await customer.post('/portal/invoice?/pay', {});
        expect(asked.status).toBe(409);
        expect(words(await asked.text())).toContain('This business does not take cards here yet');
    });

    it('leads over Stripe’s page to a paid docket, which follows the webhook', async () => {
        const owner = await signedIn(business.owner, app);
        const toStripe = await (await owner.post('/more/payouts', {})).text();
        const [onboarding = ''] = new RegExp(`${stack().stripeUrl}[^"<]+`).exec(toStripe) ?? [];
        expect(await onboardAt(onboarding, 'complete')).toBe(
            `${stack().env.APP_ORIGIN}/more/payouts?back=stripe`
        );
        await owner.get('/more/payouts?back=stripe');

        const customer = await aCustomer(token);
        const page = await (await customer.get('/portal/invoice')).text();
        expect(words(page)).toContain('Pay £504.00 by card');
        const pressed = await customer.post('/portal/invoice?/pay', {});
        expect(pressed.status).toBe(200);
        const checkout = movesOnTo(await pressed.text());
        expect(new URL(checkout).origin).toBe(stack().stripeUrl);
        // Pressed twice, it is the same page at Stripe.
        expect(movesOnTo(await (await customer.post('/portal/invoice?/pay', {})).text())).toBe(checkout);

        const before = await (await customer.get('/portal/paid')).text();
        expect(words(before)).toContain('Your payment is on its way');
        // Nothing reloads under somebody who is reading (WCAG 2.2, 2.2.1).
        expect(movesOnTo(before)).toBe('');

        const paid = await payAt(checkout, CARDS.pays);
        expect(paid.to).toBe(`${stack().env.APP_ORIGIN}/portal/paid`);
        let after = '';
        for (let look = 0; look < 100 && !after.includes('Paid in full'); look += 1) {
            after = await (await customer.get('/portal/paid')).text();
        }
        expect(words(after)).toContain('Paid. Thank you');
        const done = words(await (await customer.get('/portal/invoice')).text());
        expect(done).toContain('Paid in full. Thank you.');
        expect((await customer.post('/portal/invoice?/pay', {})).status).toBe(409);
    });
});
