// What an example of a door is, and what the examples of all areas are made of.
import { randomUUID } from 'node:crypto';
import type { Business } from '../../../support/business.ts';

/** What to send where: a form's fields, a script's JSON, or nothing but the address. */
export type Request = { path: string; fields?: Record<string, string>; json?: Record<string, unknown> };

/** One example, made afresh for a business out of what stands there. */
export type Example = {
    /** Tells several examples of one door apart. */
    name?: string;
    /**
     * What the right person gets: something that the business typed is shown (or a file's address is), a row changes, or
     * neither; then `because` says why no row of the business is at stake.
     */
    does: 'shows' | 'changes' | 'neither';
    because?: string;
    /** Who else refuses these people, beyond the guard and the policies: with both off they still get nothing. */
    thirdCheck?: { for: readonly ('agent' | 'stranger' | 'nobody')[]; by: string };
    /** Takes away what the others need: tried after them. */
    last?: true;
    /** Sessions of whoever asks are over afterwards. */
    endsSession?: true;
    request(of: Business): Promise<Request> | Request;
};

/** The examples of some doors, by `<route> <load, action:name or method>`, as route-guards.ts reads them off the routes. */
export type Examples = Readonly<Record<string, readonly Example[]>>;

export const key = (): string => randomUUID();
export const today = (): string => new Date().toISOString().slice(0, 10);

export const BLANK = 'an empty form: it shows nothing that the business typed';
export const TYPED = 'hands back what was typed, with one more line; nothing is read or stored';
export const WHO =
    'says who is signed in and to which business they belong, nothing of what the business holds';
export const everybody = ['agent', 'stranger', 'nobody'] as const;

export const shows = (request: Example['request']): Example => ({ does: 'shows', request });
export const changes = (request: Example['request']): Example => ({ does: 'changes', request });

/** One line of an invoice, as its form sends it. */
export const lines = {
    'lines[0].kind': 'labour',
    'lines[0].description': 'Two new sockets',
    'lines[0].quantity': '2',
    'lines[0].unit_price': '45.00',
    'lines[0].vat_rate': '2000'
};
