import { redirect, type RequestEvent } from '@sveltejs/kit';
import { asProblem, problem, problemFromAuth } from '$lib/server/errors.ts';
import { noted } from '$lib/server/forms.ts';
import { nextPath } from '$lib/server/next-path.ts';
import { codeAskedFor, enterFromProvider, waitingFor } from '$lib/server/sign-in.ts';
import type { RequestHandler } from './$types';

/** What providers say when somebody turns back: RFC 6749, 4.1.2.1, and Apple’s own word for it. */
const turnedBack = ['access_denied', 'user_cancelled_authorize'];

/** Back from the provider: with a code for this browser's verifier, or with the reason why not. */
export const GET: RequestHandler = async (event) => {
    const query = event.url.searchParams;
    const waiting = waitingFor(event.cookies);
    const next = nextPath(waiting?.next);
    try {
        const code = query.get('code');
        if (!code) {
            const isCancelled = turnedBack.includes(query.get('error') ?? '');
            const failure = problemFromAuth({
                code: query.get('error_code') ?? (isCancelled ? 'access_denied' : '')
            });
            // What fails between the auth server and a business's own provider is theirs to mend.
            throw waiting?.kind === 'sso' && ['sign_in_failed', 'validation_failed'].includes(failure.code)
                ? problem('sso_unreachable', { cause: failure })
                : failure;
        }
        await enterFromProvider(event, code);
    } catch (thrown) {
        if (asProblem(thrown).code === 'code_needed') return await askForCode(event, thrown, next);
        const after = next === '/today' ? '' : `&next=${encodeURIComponent(next)}`;
        const door = waiting?.kind === 'sso' ? '/sign-in/sso' : '/sign-in';
        redirect(303, `${door}?problem=${noted(event, thrown).code}${after}`);
    }
    redirect(303, next);
};

/** The provider vouched for them, and still it looked unusual: on to the code, or back with the reason why none was sent. */
async function askForCode(event: RequestEvent, thrown: unknown, next: string): Promise<never> {
    try {
        await codeAskedFor(event, thrown, next);
    } catch (failure) {
        redirect(303, `/sign-in?problem=${noted(event, failure).code}`);
    }
    redirect(303, '/sign-in/code?unusual');
}
