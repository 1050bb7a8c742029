// A browser without a screen: keeps cookies, sends forms as a browser does, follows nothing by itself.
import { anAddress, type Person } from './business.ts';

export type Visitor = {
    get(path: string, headers?: Record<string, string>): Promise<Response>;
    post(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<Response>;
    /** What a page's script sends. */
    json(path: string, body: Record<string, unknown>, headers?: Record<string, string>): Promise<Response>;
    cookies: Map<string, string>;
    /** Where the app sees this visitor come from. */
    address: string;
};

/** Whether an attribute of a Set-Cookie line ends the cookie. */
function ends(line: string): boolean {
    return /;\s*max-age=0\b/i.test(line) || /;\s*expires=Thu, 01 Jan 1970/i.test(line);
}

/**
 * Visits the app. `address` may differ from the app's origin when several processes stand behind one name; `base` may be
 * a function, to take another process at each request.
 */
export function aVisitor(
    base: string | (() => string),
    origin = typeof base === 'string' ? base : base()
): Visitor {
    const cookies = new Map<string, string>();
    const address = anAddress();
    const send = async (path: string, init: RequestInit): Promise<Response> => {
        const headers = new Headers(init.headers);
        if (!headers.has('user-agent')) headers.set('user-agent', 'TradersFlow test visitor');
        // As a browser asks for a page; without it a form's answer is data for a script.
        if (!headers.has('accept')) headers.set('accept', 'text/html');
        // As the proxy in front would: each visitor comes from an address of their own, and so has limits of their own.
        if (!headers.has('x-forwarded-for')) headers.set('x-forwarded-for', address);
        if (cookies.size > 0)
            headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
        const response = await fetch(new URL(path, typeof base === 'string' ? base : base()), {
            ...init,
            headers,
            redirect: 'manual'
        });
        for (const line of response.headers.getSetCookie()) {
            const [pair = ''] = line.split(';');
            const name = pair.slice(0, pair.indexOf('='));
            if (ends(line)) cookies.delete(name);
            else cookies.set(name, pair.slice(name.length + 1));
        }
        return response;
    };
    return {
        cookies,
        address,
        get: (path, headers = {}) => send(path, { headers }),
        post: (path, fields, headers = {}) =>
            send(path, {
                method: 'POST',
                body: new URLSearchParams(fields),
                headers: { origin, ...headers }
            }),
        json: (path, body, headers = {}) =>
            send(path, {
                method: 'POST',
                body: JSON.stringify(body),
                headers: {
                    origin,
                    accept: 'application/json',
                    'content-type': 'application/json',
                    ...headers
                }
            })
    };
}

/** Signs a visitor in by password, through the page that people use. */
export async function signedIn(
    person: Pick<Person, 'email' | 'password'>,
    base: string | (() => string),
    origin?: string
): Promise<Visitor> {
    const visitor = aVisitor(base, origin);
    const response = await visitor.post('/sign-in/password', {
        email: person.email,
        password: person.password
    });
    if (response.status !== 303)
        throw new Error(`signing in answered ${response.status}: ${await response.text()}`);
    return visitor;
}
