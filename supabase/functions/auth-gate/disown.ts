/**
 * "This wasn't me": whoever holds the link of a notice ends every session of its person and takes their password out
 * of use, so that whoever knew it does not come back. The person gets in again by their mailbox or their provider, and
 * chooses another. Where the notice told of another address, the login gets the one before back. A link is good for one
 * use; nothing limits the tries, because 256 random bits are not guessed.
 *
 * `POST auth-gate/not-me` {token} → 200 {}; `link_not_valid` 404 for a link that is none, was used or is too old.
 */
import { z } from 'npm:zod@4.6.7';
import { requireContext } from '../_shared/caller.ts';
import { Problem } from '../_shared/problem.ts';
import { allowMethods, readJson } from '../_shared/request.ts';
import type { Call } from '../_shared/serve.ts';
import { callAuthServer, callService } from '../_shared/service.ts';

const Link = z.object({ token: z.string().min(1).max(200) });

/** Acts before the link is used up, so that a failure on the way leaves it good; doing it twice does no harm. */
export async function disown(call: Call): Promise<Response> {
    allowMethods(call.request, 'POST');
    const context = await requireContext(call);
    const link = await readJson(call.request, Link);
    const act = { actor: 'auth', requestId: call.requestId, context } as const;
    const person = await callService(act, 'disowned_by', link, z.uuid().nullable());
    if (person === null) {
        throw new Problem('link_not_valid');
    }
    await takeBack(person, await callService(act, 'former_address', link, z.string().nullable()));
    if (!(await callService(act, 'disown_sign_in', link, z.boolean()))) {
        throw new Problem('link_not_valid');
    }
    return Response.json({});
}

/**
 * Gives the person a password that nobody knows, with which the auth server ends all their sessions, and the address that
 * was theirs before, if it was taken.
 */
async function takeBack(person: string, formerAddress: string | null): Promise<void> {
    const password = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(45))));
    const address = formerAddress === null ? {} : { email: formerAddress, email_confirm: true };
    let answer: Response;
    try {
        answer = await callAuthServer(`admin/users/${person}`, {
            method: 'PUT',
            headers: { 'content-type': 'application/json' },
            body: new TextEncoder().encode(JSON.stringify({ password, ...address }))
        });
    } catch (failure) {
        throw new Problem('auth_unavailable', { cause: failure });
    }
    await answer.body?.cancel();
    if (!answer.ok) {
        throw new Problem('auth_unavailable', { cause: `the auth server answered ${answer.status}` });
    }
}
