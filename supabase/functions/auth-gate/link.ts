/** The links in our mails, at the gate: they carry a sealed token, and no other reaches the auth server. */
import { openLink } from '../_shared/mail-link.ts';
import { readSettings } from '../_shared/settings.ts';
import { authRefusal } from './answers.ts';
import { fieldsOf } from './attempts.ts';
import type { Body } from './visit.ts';

const { TF_CONTEXT_KEY } = readSettings('TF_CONTEXT_KEY');

/** The body with its link opened, where it holds one; what the auth server says to a used one, when it is none of ours. */
export async function withLinkOpened(body: Body): Promise<Body | Response> {
    const fields = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
    if (fields.token_hash === undefined) {
        return body;
    }
    const link = typeof fields.token_hash === 'string' ? fields.token_hash : '';
    const tokenHash = await openLink(link, TF_CONTEXT_KEY);
    return tokenHash === null
        ? authRefusal(403, 'otp_expired', 'Email link is invalid or has expired')
        : new TextEncoder().encode(JSON.stringify({ ...fields, token_hash: tokenHash }));
}
