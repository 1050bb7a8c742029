/** The request's path: record, compression, policy, origin check, who is asking, what is left of their limits; then the route and its guard. */
import { sequence } from '@sveltejs/kit/hooks';
import type { Handle, HandleServerError, ServerInit } from '@sveltejs/kit';
import { compressed } from '$lib/server/compression.ts';
import { sentenceOf } from '$lib/server/errors.ts';
import { logFailure } from '$lib/server/log.ts';
import { identified, limited, recorded, sameOrigin, withPolicy } from '$lib/server/request.ts';
import { settings } from '$lib/server/settings.ts';

/** Stops the start when a setting is wrong. */
export const init: ServerInit = () => {
    settings();
};

export const handle: Handle = sequence(recorded, compressed, withPolicy, sameOrigin, identified, limited);

/** What nobody foresaw: the whole of it into the log, a sentence and the request's number onto the page. */
export const handleError: HandleServerError = ({ error, event, status }) => {
    const code = status === 404 ? 'not_found' : 'unexpected';
    const { record, requestId } = event.locals;
    if (record) record.code = code;
    if (code === 'unexpected') logFailure(record, error);
    return { message: sentenceOf(code), code, requestId: requestId ?? '' };
};
