/**
 * What of the auth server the gate lets through: exactly what signing in by the app needs. Everything else,
 * the admin interface above all, does not exist here. Pure, so that Node can test it.
 */
type Route = { readonly methods: readonly string[]; readonly needsPerson: boolean };

const routes: Readonly<Record<string, Route>> = {
    otp: { methods: ['POST'], needsPerson: false },
    verify: { methods: ['POST'], needsPerson: false },
    token: { methods: ['POST'], needsPerson: false },
    recover: { methods: ['POST'], needsPerson: false },
    resend: { methods: ['POST'], needsPerson: false },
    sso: { methods: ['POST'], needsPerson: false },
    user: { methods: ['GET', 'PUT'], needsPerson: true },
    logout: { methods: ['POST'], needsPerson: true },
    'passkeys/authentication/options': { methods: ['POST'], needsPerson: false },
    'passkeys/authentication/verify': { methods: ['POST'], needsPerson: false },
    'passkeys/registration/options': { methods: ['POST'], needsPerson: true },
    'passkeys/registration/verify': { methods: ['POST'], needsPerson: true }
};

/** Those with an id in them. */
const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const longer: readonly (readonly [path: RegExp, route: Route])[] = [
    [/^factors$/, { methods: ['POST'], needsPerson: true }],
    [new RegExp(`^factors/${uuid}$`), { methods: ['DELETE'], needsPerson: true }],
    [new RegExp(`^factors/${uuid}/(?:challenge|verify)$`), { methods: ['POST'], needsPerson: true }],
    [new RegExp(`^passkeys/${uuid}$`), { methods: ['PATCH', 'DELETE'], needsPerson: true }]
];

const grantTypes = ['password', 'refresh_token', 'pkce'];

/** A path of the gate's own, without a slash or a leading `auth/v1`; null when it leads to the auth server. */
export function ownPath(url: URL): string | null {
    return /\/auth-gate\/([a-z-]+)$/.exec(url.pathname)?.[1] ?? null;
}

export type GatePath =
    | { readonly kind: 'unknown' }
    | { readonly kind: 'wrong_method'; readonly allowed: readonly string[] }
    | { readonly kind: 'open'; readonly path: string; readonly needsPerson: boolean };

/** Where a call to `…/auth-gate/auth/v1/<path>` may go on the auth server, query included. */
export function gatePath(method: string, url: URL): GatePath {
    const name = /\/auth-gate\/auth\/v1\/([a-z0-9/-]+)$/.exec(url.pathname)?.[1] ?? '';
    const route = Object.hasOwn(routes, name)
        ? routes[name]
        : longer.find(([pattern]) => pattern.test(name))?.[1];
    if (route === undefined) {
        return { kind: 'unknown' };
    }
    if (!route.methods.includes(method)) {
        return { kind: 'wrong_method', allowed: route.methods };
    }
    // Exactly one grant type: a second one could be read by the auth server instead of the one looked at here.
    const grants = url.searchParams.getAll('grant_type');
    if (name === 'token' && (grants.length !== 1 || !grantTypes.includes(grants[0] ?? ''))) {
        return { kind: 'unknown' };
    }
    return { kind: 'open', path: `${name}${url.search}`, needsPerson: route.needsPerson };
}
