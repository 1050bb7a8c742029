/**
 * Which calls through the gate are attempts to sign in, and how they ended: what the audit trail is told of them.
 * Never a password, a code or a token. Pure, so that Node can test it.
 */

/** An attempt to sign in. The address is null where the caller proves themselves without one. */
export type Attempt = {
    readonly method: 'password' | 'code' | 'provider' | 'passkey' | 'factor';
    readonly email: string | null;
    /** Which factor, and the code that is given for it, where it has one. */
    readonly factor?: { readonly id: string; readonly code: string | null };
};

/** How an attempt ended: with whom it let in, or with the auth server's code of the refusal. */
export type Outcome =
    | { readonly userId: string; readonly email: string | null; readonly code: null }
    | { readonly userId: null; readonly email: null; readonly code: string };

/** Somebody who got in by an attempt. */
export type Entry = {
    readonly attempt: Attempt;
    readonly userId: string;
    /** Their login; null for a person without an address. */
    readonly login: string | null;
    readonly sessionId: string | null;
};

const methods: Readonly<Record<string, Attempt['method']>> = {
    'token?grant_type=password': 'password',
    'token?grant_type=pkce': 'provider',
    verify: 'code',
    'passkeys/authentication/verify': 'passkey'
};

/** The attempt behind a call that the gate lets through, or null: asking for a code or refreshing is none. */
export function attemptOf(path: string, body: Uint8Array | null): Attempt | null {
    const [name = '', query = ''] = path.split('?');
    const factor = /^factors\/([0-9a-f-]{36})\/verify$/.exec(name)?.[1];
    if (factor !== undefined) {
        const { code } = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
        return {
            method: 'factor',
            email: null,
            factor: { id: factor, code: typeof code === 'string' ? code : null }
        };
    }
    const grant = new URLSearchParams(query).get('grant_type');
    const method = methods[grant === null ? name : `${name}?grant_type=${grant}`];
    if (method === undefined) {
        return null;
    }
    const { email } = fieldsOf(new TextDecoder().decode(body ?? new Uint8Array()));
    return { method, email: typeof email === 'string' && email.length <= 254 ? email : null };
}

/** How it ended, or null when nobody was let in and nobody refused: the server failed, or asks for another step. */
export function outcomeOf(status: number, answer: string): Outcome | null {
    const fields = fieldsOf(answer);
    if (status === 200) {
        const { id, email } = asFields(fields.user);
        return typeof fields.access_token === 'string' && typeof id === 'string'
            ? {
                  userId: id,
                  email: typeof email === 'string' && email !== '' ? email.toLowerCase() : null,
                  code: null
              }
            : null;
    }
    if (status < 400 || status >= 500) {
        return null;
    }
    const { code } = fields;
    const known = typeof code === 'string' && /^[a-z_]{1,60}$/.test(code);
    return { userId: null, email: null, code: known ? code : 'refused' };
}

/** The fields of a JSON object; none when it is no such thing. */
export function fieldsOf(json: string): Readonly<Record<string, unknown>> {
    try {
        return asFields(JSON.parse(json));
    } catch {
        return {};
    }
}

function asFields(value: unknown): Readonly<Record<string, unknown>> {
    return typeof value === 'object' && value !== null ? { ...value } : {};
}
