/**
 * The headers that every response carries. The server sets the plain ones before anything else runs, so that
 * files, refusals and crashes have them too; pages then get the policy that the framework computed, widened
 * by the one origin that photos come from.
 */

/** Policy of everything that is no page: it may load our own style and pictures (the plain error page) and run nothing. */
export const closedPolicy =
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** What only the pages of signing in need, and those of the app, from which people get there without loading a page anew. */
const keyFeatures = ['publickey-credentials-create', 'publickey-credentials-get'];

const unusedFeatures = [
    'accelerometer',
    'autoplay',
    'browsing-topics',
    'camera',
    'display-capture',
    'encrypted-media',
    'fullscreen',
    'geolocation',
    'gyroscope',
    'hid',
    'idle-detection',
    'local-fonts',
    'magnetometer',
    'microphone',
    'midi',
    'payment',
    'screen-wake-lock',
    'serial',
    'usb',
    'xr-spatial-tracking'
];

/** Features for this origin alone, where passkeys and security keys are used; else for nobody. */
export function permissionsPolicy(usesKeys: boolean): string {
    return [
        ...unusedFeatures.map((feature) => `${feature}=()`),
        ...keyFeatures.map((feature) => `${feature}=${usesKeys ? '(self)' : '()'}`)
    ].join(', ');
}

const twoYears = 63_072_000;

/**
 * The security headers of any response.
 *
 * Referrer policy is `same-origin` and not `no-referrer`, because under the latter a browser sends `Origin: null`
 * with our own forms (Fetch, "append a request `Origin` header") and the origin check would refuse them.
 * Embedding is `credentialless` and not `require-corp`, because photos come from storage, whose answers a hosted project
 * sends without a policy of their own; they are shown by a signed address and need no cookie.
 * Caches ask again before they show anything a second time, unless the framework says more: pages say `no-store`, files
 * of the build, whose names change with their content, `immutable`.
 * HSTS is sent only when people reach us over TLS: over http a browser ignores it (RFC 6797, 8.1).
 */
export function securityHeaders(options: {
    requestId: string;
    overTls: boolean;
}): ReadonlyArray<readonly [name: string, value: string]> {
    const headers: [string, string][] = [
        ['x-request-id', options.requestId],
        ['content-security-policy', closedPolicy],
        ['x-content-type-options', 'nosniff'],
        ['x-frame-options', 'DENY'],
        ['referrer-policy', 'same-origin'],
        ['permissions-policy', permissionsPolicy(false)],
        ['cross-origin-opener-policy', 'same-origin'],
        ['cross-origin-embedder-policy', 'credentialless'],
        ['cross-origin-resource-policy', 'same-origin'],
        ['x-permitted-cross-domain-policies', 'none'],
        ['origin-agent-cluster', '?1'],
        ['cache-control', 'no-cache']
    ];
    if (options.overTls) {
        headers.push(['strict-transport-security', `max-age=${twoYears}; includeSubDomains`]);
    }
    return headers;
}

/**
 * A page's policy: the framework's own, plus the storage origin for showing photos and for sending them.
 * The origin is a setting of the running server, so it cannot stand in the build's configuration.
 */
export function pagePolicy(fromFramework: string, storageOrigin: string): string {
    return fromFramework
        .split(';')
        .map((directive) => directive.trim())
        .filter((directive) => directive !== '')
        .map((directive) =>
            /^(img-src|connect-src)\s/.test(directive) ? `${directive} ${storageOrigin}` : directive
        )
        .join('; ');
}
