// What an answer of ours must carry in its head, whatever it answers; one list of what is wrong with it.

/** What an answer is, for whatever depends on that. */
export type Kind = {
    /** Reached over TLS? */
    tls: boolean;
    /** How it may be kept: a page or answer for one person; a file that may change; a file of the build; no matter. */
    kept: 'never' | 'asked again' | 'for ever' | 'any';
    /** Origins besides our own that a page may show pictures from and send files to. */
    storage: string;
    /** The origin of the captcha's widget, on a page that shows it. */
    captcha?: string;
};

/** A header that must be there, once, and how it must read. */
const demanded: readonly (readonly [name: string, value: RegExp])[] = [
    ['x-request-id', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
    ['x-content-type-options', /^nosniff$/],
    ['x-frame-options', /^DENY$/],
    ['referrer-policy', /^same-origin$/],
    ['cross-origin-opener-policy', /^same-origin$/],
    ['cross-origin-resource-policy', /^same-origin$/],
    ['x-permitted-cross-domain-policies', /^none$/],
    ['origin-agent-cluster', /^\?1$/]
];

/** Powers that no page of ours uses, so that no script that slips in can. */
const unused = ['camera', 'microphone', 'geolocation', 'payment', 'usb', 'display-capture', 'serial', 'hid'];

/** What tells a stranger what to look for. */
const telling = ['server', 'x-powered-by', 'via', 'x-aspnet-version', 'x-generator', 'x-sveltekit-page'];

const keeping: Record<Exclude<Kind['kept'], 'any'>, RegExp> = {
    never: /\bno-store\b/,
    'asked again': /^no-cache$/,
    'for ever': /^public,\s*max-age=31536000,\s*immutable$/
};

/** Everything that is wrong with the head of an answer; empty when nothing is. */
export function faults(headers: Headers, { tls, kept, storage, captcha }: Kind): string[] {
    const wrong: string[] = [];
    // What the widget's frame says of itself is not ours to say.
    const embedder = captcha === undefined ? /^credentialless$/ : /^unsafe-none$/;
    for (const [name, value] of [...demanded, ['cross-origin-embedder-policy', embedder] as const]) {
        const given = headers.get(name);
        if (!value.test(given ?? '')) wrong.push(`${name}: ${given ?? 'is missing'}`);
    }
    const permissions = headers.get('permissions-policy') ?? '';
    for (const power of unused) {
        if (!permissions.split(', ').includes(`${power}=()`))
            wrong.push(`permissions-policy lets ${power} be used`);
    }
    const transport = headers.get('strict-transport-security');
    const demandedTransport = tls ? 'max-age=63072000; includeSubDomains' : null;
    if (transport !== demandedTransport)
        wrong.push(`strict-transport-security: ${transport ?? 'is missing'}`);
    for (const name of telling) if (headers.has(name)) wrong.push(`${name} tells what runs here`);
    const cache = headers.get('cache-control') ?? '';
    if (kept !== 'any' && !keeping[kept].test(cache))
        wrong.push(`cache-control: ${cache || 'is missing'}, kept ${kept}`);
    const cors = headers.get('access-control-allow-origin');
    if (cors !== null) wrong.push(`access-control-allow-origin: ${cors}`);
    return [
        ...wrong,
        ...faultsOfPolicy(headers.get('content-security-policy') ?? '', storage, captcha),
        ...headers.getSetCookie().flatMap(faultsOfCookie)
    ];
}

/** Directives that a policy must have, for what `default-src` does not cover, and what they may say. */
const closed: readonly (readonly [directive: string, sources: string])[] = [
    ['default-src', "'none'"],
    ['base-uri', "'none'"],
    ['form-action', "'self'"],
    ['frame-ancestors', "'none'"]
];

const allowed: Record<string, RegExp> = {
    'script-src': /^('self'|'none'|'nonce-[\w+/=]{20,}'|'sha256-[\w+/=]{44}')$/,
    'style-src': /^('self'|'none'|'nonce-[\w+/=]{20,}'|'sha256-[\w+/=]{44}')$/,
    // One known style attribute, of the framework's announcer for screen readers, by its hash.
    'style-src-attr': /^('unsafe-hashes'|'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo=')$/,
    'img-src': /^('self'|data:|blob:)$/,
    'connect-src': /^'self'$/,
    'font-src': /^'self'$/,
    'manifest-src': /^'self'$/
};

function faultsOfPolicy(policy: string, storage: string, captcha?: string): string[] {
    if (policy === '') return ['content-security-policy: is missing'];
    const wrong: string[] = [];
    // Two headers would be joined by a comma, and no source of ours holds one.
    if (policy.includes(',')) wrong.push('content-security-policy stands twice');
    const directives = policy.split(';').map((part) => part.trim().split(/\s+/));
    const names = directives.map(([name]) => name ?? '');
    if (new Set(names).size !== names.length) wrong.push('content-security-policy says a directive twice');
    for (const [directive, sources] of closed) {
        const given = directives
            .find(([name]) => name === directive)
            ?.slice(1)
            .join(' ');
        if (given !== sources) wrong.push(`content-security-policy: ${directive} ${given ?? 'is missing'}`);
    }
    for (const [name = '', ...sources] of directives) {
        if (closed.some(([directive]) => directive === name)) continue;
        for (const source of sources) {
            const fromStorage = source === storage && /^(img|connect)-src$/.test(name);
            const ofCaptcha = source === captcha && /^(script|frame)-src$/.test(name);
            if (!fromStorage && !ofCaptcha && !allowed[name]?.test(source))
                wrong.push(`content-security-policy: ${name} ${source}`);
        }
    }
    return wrong;
}

/** Every cookie of ours signs somebody in, or is about to, or says which business they work in: one rule for all. */
export function faultsOfCookie(line: string): string[] {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf('='));
    const has = (attribute: RegExp): boolean => attributes.some((given) => attribute.test(given));
    return [
        ...(name.startsWith('__Host-') ? [] : ['has no __Host- prefix']),
        ...(has(/^secure$/i) ? [] : ['is not Secure']),
        ...(has(/^httponly$/i) ? [] : ['is not HttpOnly']),
        ...(has(/^samesite=(lax|strict)$/i) ? [] : ['is not SameSite']),
        ...(has(/^path=\/$/i) ? [] : ['is not for the path /']),
        ...(has(/^domain=/i) ? ['names a domain'] : [])
    ].map((fault) => `cookie ${name} ${fault}`);
}
