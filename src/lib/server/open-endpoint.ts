/** Endpoints that anybody may call and a page's script reads: JSON in, JSON or problem+json out. */
import { json, type RequestEvent } from '@sveltejs/kit';
import { problemResponse } from './errors.ts';
import { noted } from './forms.ts';

/** An endpoint that asks for no sign-in; what is thrown becomes problem+json. It must not stand where a guard is demanded. */
export function openEndpoint(
    handler: (event: RequestEvent) => Promise<object>
): (event: RequestEvent) => Promise<Response> {
    return async (event) => {
        try {
            return json(await handler(event));
        } catch (thrown) {
            const failure = noted(event, thrown);
            if (failure.status === 429) event.setHeaders(event.locals.gate.refusal());
            return problemResponse(failure, event.locals.requestId);
        }
    };
}
