/**
 * One JSON object a line on standard output. Takes plain figures and words only, so that a body, a header
 * or an error object with a secret inside can't be logged by accident.
 */
export type LogValue = string | number | boolean | null | undefined;
export type LogFields = Readonly<Record<string, LogValue>>;

export type Log = {
    info(event: string, fields?: LogFields): void;
    error(event: string, fields?: LogFields): void;
};

/** A log whose every line carries `fields` (function, request id). */
export function createLog(fields: LogFields): Log {
    const write = (level: 'info' | 'error', event: string, more: LogFields = {}) => {
        const line = JSON.stringify({ at: new Date().toISOString(), level, event, ...fields, ...more });
        if (level === 'error') {
            console.error(line);
        } else {
            console.log(line);
        }
    };
    return {
        info: (event, more) => write('info', event, more),
        error: (event, more) => write('error', event, more)
    };
}

/** What may be told of an unknown failure: its kind and sentence, never its properties. */
export function describeFailure(failure: unknown): LogFields {
    if (!(failure instanceof Error)) {
        return { failure: typeof failure };
    }
    const cause = failure.cause;
    return {
        failure: failure.name,
        message: failure.message,
        cause:
            typeof cause === 'object' && cause !== null && 'message' in cause
                ? String(cause.message)
                : undefined,
        cause_code:
            typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined
    };
}
