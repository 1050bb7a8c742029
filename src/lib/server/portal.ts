/**
 * What a trader's customer may see and do with a private link, without a login. The token comes from the link,
 * lives in a cookie of the browser, and is worth one document; the database looks it up by its hash.
 */
import type { Cookies } from '@sveltejs/kit';
import { z } from 'zod';
import { call, invoke, type Db } from './data.ts';
import { Problem, problem } from './errors.ts';
import { Day, Moment, Money } from './shapes.ts';
import { cookieAttributes } from './session.ts';

const cookieName = '__Host-tf-portal';

/** 128 bits or more, written in base64url. Anything else is no link of ours. */
const Token = z.string().regex(/^[A-Za-z0-9_-]{22,128}$/);

/**
 * The link that was opened in this browser, and the database's proof that it was: with that it is no guess, and what others
 * guess behind the same address keeps nobody from their invoice.
 */
export type PortalKey = { token: string; proof: string | null };

/** Moves the token out of the address. Kept until the browser closes. */
export function keepPortalToken(cookies: Cookies, token: string): boolean {
    if (!Token.safeParse(token).success) return false;
    if (portalKey(cookies)?.token !== token) cookies.set(cookieName, token, cookieAttributes);
    return true;
}

/** What the cookie holds; null when no link was opened here. */
export function portalKey(cookies: Cookies): PortalKey | null {
    const [token, proof] = (cookies.get(cookieName) ?? '').split('.');
    if (!Token.safeParse(token).success) return null;
    return { token: token ?? '', proof: Token.safeParse(proof).data ?? null };
}

/** Keeps the proof beside the token, from the first time on that it opened something. */
export function keepPortalProof(cookies: Cookies, { token, proof: kept }: PortalKey, proof: string): void {
    if (kept !== proof) cookies.set(cookieName, `${token}.${proof}`, cookieAttributes);
}

/** Forgets a link that has ended. */
export function dropPortalKey(cookies: Cookies): void {
    cookies.delete(cookieName, cookieAttributes);
}

const words = z
    .string()
    .nullish()
    .transform((value) => value ?? null);

const Party = z.object({
    name: z.string(),
    email: words,
    phone: words,
    address_line_1: words,
    address_line_2: words,
    town: words,
    postcode: words
});

const PortalInvoice = z.object({
    business: Party.extend({ vat_number: words }),
    customer: Party,
    invoice: z.object({
        reference: z.string(),
        state: z.enum(['issued', 'part_paid', 'paid', 'void']),
        issued_on: Day,
        supplied_on: Day,
        due_on: Day,
        notes: words,
        net_pence: Money,
        vat_pence: Money,
        total_pence: Money,
        paid_pence: Money,
        owed_pence: Money,
        overdue: z.boolean()
    }),
    lines: z.array(
        z.object({
            kind: z.enum(['labour', 'materials', 'other']),
            description: z.string(),
            quantity_milli: z.int(),
            unit_pence: Money,
            vat_rate_bp: z.int().nullable(),
            net_pence: Money
        })
    ),
    vat: z.array(z.object({ vat_rate_bp: z.int(), net_pence: Money, vat_pence: Money })),
    payments: z.array(
        z.object({
            amount_pence: Money,
            refunded_pence: Money,
            method: z.enum(['card', 'bank', 'cash']),
            paid_at: Moment
        })
    ),
    can_pay: z.boolean(),
    /** Null until the PDF is stored. */
    document_id: z.uuid().nullable()
});

/** An invoice as the trader's customer sees it. */
export type PortalInvoice = z.infer<typeof PortalInvoice>;

const OpenedInvoice = PortalInvoice.extend({ proof: Token });

/**
 * The invoice behind a link. Notes its first view.
 * @throws {Problem} `link_not_valid` for an unknown, expired or revoked one; which of them is not told. `too_many_links` at an
 * address that has opened many such ones.
 */
export function portalInvoice(db: Db, key: PortalKey): Promise<z.infer<typeof OpenedInvoice>> {
    return call(db, 'portal_invoice', key, OpenedInvoice);
}

/** Address of the Stripe page where this invoice is paid; an open one is used again. */
export async function startCheckout(db: Db, key: PortalKey): Promise<string> {
    try {
        return (await invoke(db, 'checkout', key, z.object({ url: z.url() }))).url;
    } catch (thrown) {
        if (!(thrown instanceof Problem) || thrown.code !== 'payments_not_set_up') throw thrown;
        // The catalogue's sentence is for the trader.
        const detail = 'This business does not take cards here yet. Ask them how to pay.';
        throw problem('payments_not_set_up', { detail, cause: thrown });
    }
}

/** Address of the invoice's PDF, good for 60 seconds. */
export async function portalPdfUrl(db: Db, key: PortalKey): Promise<string> {
    const { url } = await invoke(
        db,
        'storage-sign',
        { action: 'view_portal', ...key },
        z.object({ url: z.url() })
    );
    return url;
}
