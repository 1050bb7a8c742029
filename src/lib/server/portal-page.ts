/** The invoice behind the link that was opened in this browser, or the page that says the link has ended. */
import { redirect, type Cookies } from '@sveltejs/kit';
import { Problem } from './errors.ts';
import { noted } from './forms.ts';
import { refuse } from './guard.ts';
import { dropPortalToken, portalInvoice, portalToken, type PortalInvoice } from './portal.ts';

/** What is needed of a request. */
type Visit = { cookies: Cookies; locals: App.Locals };

/** The token, or the page that says the link has ended. */
export function tokenOrLeave(cookies: Cookies): string {
    return portalToken(cookies) ?? redirect(303, '/portal/link-not-valid');
}

/** The invoice, or the page that says the link has ended, or the error page. */
export async function invoiceOrLeave(visit: Visit): Promise<PortalInvoice> {
    const token = tokenOrLeave(visit.cookies);
    try {
        return await portalInvoice(visit.locals.db, token);
    } catch (thrown) {
        leaveIfEnded(visit.cookies, thrown);
        return refuse(visit, noted(visit, thrown).code);
    }
}

/** To the page that says so when a link has ended meanwhile. */
export function leaveIfEnded(cookies: Cookies, thrown: unknown): void {
    if (!(thrown instanceof Problem) || thrown.code !== 'link_not_valid') return;
    dropPortalToken(cookies);
    redirect(303, '/portal/link-not-valid');
}
