/** The invoice behind the link that was opened in this browser, or the page that says the link has ended. */
import { redirect, type Cookies, type RequestEvent } from '@sveltejs/kit';
import { Problem } from './errors.ts';
import { noted } from './forms.ts';
import { refuse } from './guard.ts';
import {
    dropPortalKey,
    keepPortalProof,
    portalInvoice,
    portalKey,
    type PortalInvoice,
    type PortalKey
} from './portal.ts';

/** What is needed of a request. */
type Visit = { cookies: Cookies; locals: App.Locals; setHeaders: RequestEvent['setHeaders'] };

/** What the link left in this browser, or the page that says the link has ended. */
export function keyOrLeave(cookies: Cookies): PortalKey {
    return portalKey(cookies) ?? redirect(303, '/portal/link-not-valid');
}

/** The invoice, or the page that says the link has ended, or the error page. */
export async function invoiceOrLeave(visit: Visit): Promise<PortalInvoice> {
    const key = keyOrLeave(visit.cookies);
    try {
        const { proof, ...portal } = await portalInvoice(visit.locals.db, key);
        keepPortalProof(visit.cookies, key, proof);
        return portal;
    } catch (thrown) {
        leaveIfEnded(visit.cookies, thrown);
        return refuse(visit, noted(visit, thrown));
    }
}

/** To the page that says so when a link has ended meanwhile. */
export function leaveIfEnded(cookies: Cookies, thrown: unknown): void {
    if (!(thrown instanceof Problem) || thrown.code !== 'link_not_valid') return;
    dropPortalKey(cookies);
    redirect(303, '/portal/link-not-valid');
}
