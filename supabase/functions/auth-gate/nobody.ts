/**
 * Nobody: a login of ours whose password nobody knows, which is asked for in the place of every login that nobody has.
 * The auth server compares a password only where there is one, which takes it some fifty milliseconds that anybody can
 * measure. Asked for Nobody it does the same work by the same code and refuses in the same words. Waiting instead, for a
 * time that is always the same, would show through as soon as the server is busier than that is long; whatever slows
 * the one of these slows the other.
 *
 * Nobody's address is in a domain that can't exist (RFC 2606) and is made from our key: nobody can ask for it, or have
 * mails sent to it.
 */
import { hmac } from '../_shared/mac.ts';
import { Problem } from '../_shared/problem.ts';
import { callAuthServer } from '../_shared/service.ts';
import { readSettings } from '../_shared/settings.ts';
import type { Admission } from './admit.ts';
import { API_VERSION } from './answers.ts';
import { fieldsOf } from './attempts.ts';
import { attemptAt, namesLogin } from './unseen.ts';
import type { Body, Visit } from './visit.ts';

const { TF_CONTEXT_KEY } = readSettings('TF_CONTEXT_KEY');

/** The attempt as one at Nobody's login, where nobody has the one that was typed. Throws `auth_unavailable`. */
export async function asNobody(body: Body, { asked }: Visit, { isKnown }: Admission): Promise<Body> {
    return namesLogin(asked) && !isKnown ? attemptAt(await nobody(), body) : body;
}

/** Kept while this process lives; the next one finds Nobody where this one made them. */
let found: Promise<string> | null = null;

function nobody(): Promise<string> {
    found ??= findOrMake().catch((failure: unknown) => {
        found = null;
        throw new Problem('auth_unavailable', { cause: failure });
    });
    return found;
}

async function findOrMake(): Promise<string> {
    const name = (await hmac(TF_CONTEXT_KEY[0] ?? '', 'tf-nobody-1 ')).slice(0, 12);
    const email = `nobody-${[...name].map((byte) => byte.toString(16).padStart(2, '0')).join('')}@nobody.invalid`;
    const password = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(45))));
    const answer = await callAuthServer('admin/users', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...API_VERSION },
        body: new TextEncoder().encode(JSON.stringify({ email, password, email_confirm: true }))
    });
    const { code } = fieldsOf(await answer.text());
    if (!answer.ok && code !== 'email_exists') {
        throw new Error(`The auth server answered ${answer.status}.`);
    }
    return email;
}
