/**
 * What Mozilla's HTTP Observatory would say of a site, computed here from its published rules, without asking it.
 *
 * Facts taken from: "Tests and scoring", developer.mozilla.org/en-US/observatory/docs/tests_and_scoring, and the table of
 * modifiers of github.com/mdn/mdn-http-observatory (as of August 2026, with the tests of opener and embedder policy). A site
 * begins with 100 points; penalties are taken off; bonuses are added only to what is still 90 or more. The Observatory asks
 * for the front page over HTTPS and over HTTP, for /robots.txt (for cookies), and sends one CORS preflight.
 */

/** What a scan looks at. */
export type Scan = {
    /** The front page's headers as it came over HTTPS, and its HTML. */
    headers: Headers;
    html: string;
    /** Every Set-Cookie line met on the way. */
    cookies: readonly string[];
    /** Where HTTP led: nowhere (no answer), to HTTPS on the same host, or it stayed on HTTP. */
    http: 'no answer' | 'to https' | 'stays';
    /** Is the certificate good, and is the host on the browsers' preload list? */
    certificate: boolean;
    preloaded: boolean;
    /** The preflight's answer. */
    cors: Headers;
};

/** A test's outcome: its published name and its points. */
export type Verdict = { test: string; result: string; points: number };

export type Score = { score: number; grade: string; verdicts: readonly Verdict[] };

type Row = readonly [result: string, points: number];

const SIX_MONTHS = 15_552_000;
const BONUS_FROM = 90;
const broad = /^(ftp:|https?:|\*|https?:\/\/\*(\.\*)?)$/;
const inline = /^('unsafe-inline'|data:)$/;

/** Directive by name; null when the policy cannot be read, empty when there is none. */
function directives(policy: string): Map<string, string[]> | null {
    const found = new Map<string, string[]>();
    for (const part of policy.split(';')) {
        const [name, ...sources] = part.trim().toLowerCase().split(/\s+/);
        if (!name) continue;
        if (found.has(name)) return null;
        found.set(name, sources.length === 0 && name.endsWith('-src') ? ["'none'"] : sources);
    }
    return found;
}

function contentSecurityPolicy({ headers }: Scan): Row {
    const header = headers.get('content-security-policy');
    if (header === null) return ['csp-not-implemented', -25];
    const policy = directives(header);
    if (policy === null || policy.size === 0) return ['csp-header-invalid', -25];
    const of = (name: string): string[] => policy.get(name) ?? policy.get('default-src') ?? ['*'];
    // A nonce or a hash makes browsers ignore 'unsafe-inline'.
    const counted = (name: string): string[] => {
        const sources = of(name);
        return sources.some((source) => /^'(nonce|sha\d+)-/.test(source))
            ? sources.filter((source) => source !== "'unsafe-inline'")
            : sources;
    };
    const [scripts, styles, objects] = [counted('script-src'), counted('style-src'), of('object-src')];
    const passive = [...of('img-src'), ...of('media-src')];
    const active = [...policy]
        .filter(([name]) => name !== 'img-src' && name !== 'media-src')
        .flatMap(([, sources]) => sources);
    const insecure = (source: string): boolean => /^(http|ftp):/.test(source);

    if (
        scripts.some((source) => broad.test(source) || inline.test(source)) ||
        objects.some((o) => broad.test(o))
    )
        return ['csp-implemented-with-unsafe-inline', -20];
    if (active.some(insecure)) return ['csp-implemented-with-insecure-scheme', -20];
    if ([...scripts, ...styles].includes("'unsafe-eval'")) return ['csp-implemented-with-unsafe-eval', -10];
    if (passive.some(insecure)) return ['csp-implemented-with-insecure-scheme-in-passive-content-only', -10];
    if (styles.some((source) => broad.test(source) || inline.test(source)))
        return ['csp-implemented-with-unsafe-inline-in-style-src-only', 0];
    return policy.get('default-src')?.join() === "'none'"
        ? ['csp-implemented-with-no-unsafe-default-src-none', 10]
        : ['csp-implemented-with-no-unsafe', 5];
}

function cookies(scan: Scan): Row {
    if (scan.cookies.length === 0) return ['cookies-not-found', 0];
    const protectedByHsts = strictTransportSecurity(scan)[1] >= 0;
    const rows = scan.cookies.map((line): Row => {
        const [pair = '', ...attributes] = line
            .toLowerCase()
            .split(';')
            .map((part) => part.trim());
        const [name = ''] = pair.split('=');
        const secure = attributes.includes('secure');
        const site = attributes.find((attribute) => attribute.startsWith('samesite'))?.split('=')[1];
        const isSession = name.includes('login') || name.includes('sess');
        if (isSession && !secure)
            return protectedByHsts
                ? ['cookies-session-without-secure-flag-but-protected-by-hsts', -10]
                : ['cookies-session-without-secure-flag', -40];
        if (isSession && !attributes.includes('httponly'))
            return ['cookies-session-without-httponly-flag', -30];
        if (name.includes('csrf') && site === undefined)
            return ['cookies-anticsrf-without-samesite-flag', -20];
        if (site !== undefined && !/^(lax|strict|none)$/.test(site))
            return ['cookies-samesite-flag-invalid', -20];
        if (site === 'none' && !secure) return ['cookies-samesite-flag-invalid', -20];
        if (!secure)
            return protectedByHsts
                ? ['cookies-without-secure-flag-but-protected-by-hsts', -5]
                : ['cookies-without-secure-flag', -20];
        return site === undefined
            ? ['cookies-secure-with-httponly-sessions', 0]
            : ['cookies-secure-with-httponly-sessions-and-samesite', 5];
    });
    return rows.reduce((worst, row) => (row[1] < worst[1] ? row : worst));
}

function crossOriginResourceSharing({ cors }: Scan): Row {
    const origin = cors.get('access-control-allow-origin');
    if (origin === null) return ['cross-origin-resource-sharing-not-implemented', 0];
    if (origin === '*') return ['cross-origin-resource-sharing-implemented-with-public-access', 0];
    return cors.get('access-control-allow-credentials') === 'true'
        ? ['cross-origin-resource-sharing-implemented-with-universal-access', -50]
        : ['cross-origin-resource-sharing-implemented-with-restricted-access', 0];
}

function redirection({ http, certificate }: Scan): Row {
    if (http === 'no answer') return ['redirection-not-needed-no-http', 0];
    if (!certificate) return ['redirection-invalid-cert', -20];
    return http === 'to https' ? ['redirection-to-https', 0] : ['redirection-missing', -20];
}

function referrerPolicy({ headers }: Scan): Row {
    const header = headers.get('referrer-policy');
    if (header === null) return ['referrer-policy-not-implemented', 0];
    const last = header.toLowerCase().split(',').at(-1)?.trim() ?? '';
    if (/^(no-referrer|same-origin|strict-origin|strict-origin-when-cross-origin)$/.test(last))
        return ['referrer-policy-private', 5];
    return /^(origin|origin-when-cross-origin|unsafe-url|no-referrer-when-downgrade)$/.test(last)
        ? ['referrer-policy-unsafe', -5]
        : ['referrer-policy-header-invalid', -5];
}

function strictTransportSecurity({ headers, certificate, preloaded }: Scan): Row {
    if (preloaded) return ['hsts-preloaded', 5];
    if (!certificate) return ['hsts-invalid-cert', -20];
    const header = headers.get('strict-transport-security');
    if (header === null) return ['hsts-not-implemented', -20];
    const [, seconds] = /(?:^|;)\s*max-age=(\d+)/i.exec(header) ?? [];
    if (seconds === undefined || header.includes(',')) return ['hsts-header-invalid', -20];
    return Number(seconds) < SIX_MONTHS
        ? ['hsts-implemented-max-age-less-than-six-months', -10]
        : ['hsts-implemented-max-age-at-least-six-months', 0];
}

function subresourceIntegrity({ html }: Scan): Row {
    const tags = [...html.matchAll(/<script\b[^>]*>/gi)].map(([tag]) => tag);
    if (tags.length === 0) return ['sri-not-implemented-but-no-scripts-loaded', 0];
    const sourced = tags.flatMap((tag) => {
        const [, source] = /\ssrc=["']?([^"'\s>]+)/i.exec(tag) ?? [];
        return source === undefined ? [] : [{ source, whole: /\sintegrity=/i.test(tag) }];
    });
    const elsewhere = sourced.filter(({ source }) => /^(https?:)?\/\//.test(source));
    const unsafe = elsewhere.filter(({ source }) => !source.startsWith('https:'));
    if (unsafe.some(({ whole }) => !whole))
        return ['sri-not-implemented-and-external-scripts-not-loaded-securely', -50];
    if (unsafe.length > 0) return ['sri-implemented-but-external-scripts-not-loaded-securely', -20];
    if (elsewhere.some(({ whole }) => !whole))
        return ['sri-not-implemented-but-external-scripts-loaded-securely', -5];
    if (elsewhere.length > 0) return ['sri-implemented-and-external-scripts-loaded-securely', 5];
    return sourced.some(({ whole }) => whole)
        ? ['sri-implemented-and-all-scripts-loaded-securely', 5]
        : ['sri-not-implemented-but-all-scripts-loaded-from-secure-origin', 0];
}

function contentTypeOptions({ headers }: Scan): Row {
    const header = headers.get('x-content-type-options');
    if (header === null) return ['x-content-type-options-not-implemented', -5];
    return header.toLowerCase() === 'nosniff'
        ? ['x-content-type-options-nosniff', 0]
        : ['x-content-type-options-header-invalid', -5];
}

function frameOptions({ headers }: Scan): Row {
    if (directives(headers.get('content-security-policy') ?? '')?.has('frame-ancestors'))
        return ['x-frame-options-implemented-via-csp', 5];
    const header = headers.get('x-frame-options')?.toLowerCase();
    if (header === undefined) return ['x-frame-options-not-implemented', -20];
    if (header === 'deny' || header === 'sameorigin') return ['x-frame-options-sameorigin-or-deny', 5];
    return header.startsWith('allow-from')
        ? ['x-frame-options-allow-from-origin', 0]
        : ['x-frame-options-header-invalid', -20];
}

/** One of the three policies between origins: which words are worth points, which are none, and the rest is wrong. */
function crossOrigin(name: string, worth: RegExp, nothing: RegExp): (scan: Scan) => Row {
    return ({ headers }) => {
        const given = headers.get(name);
        if (given === null) return [`${name}-not-implemented`, 0];
        if (worth.test(given)) return [`${name}-implemented-with-${given}`, 10];
        return nothing.test(given)
            ? [`${name}-implemented-with-${given}`, 0]
            : [`${name}-header-invalid`, -5];
    };
}

const tests: Readonly<Record<string, (scan: Scan) => Row>> = {
    'content-security-policy': contentSecurityPolicy,
    cookies,
    'cross-origin-resource-sharing': crossOriginResourceSharing,
    redirection,
    'referrer-policy': referrerPolicy,
    'strict-transport-security': strictTransportSecurity,
    'subresource-integrity': subresourceIntegrity,
    'x-content-type-options': contentTypeOptions,
    'x-frame-options': frameOptions,
    'cross-origin-resource-policy': crossOrigin(
        'cross-origin-resource-policy',
        /^same-(origin|site)$/,
        /^cross-origin$/
    ),
    'cross-origin-embedder-policy': crossOrigin(
        'cross-origin-embedder-policy',
        /^(require-corp|credentialless)$/,
        /^unsafe-none$/
    ),
    'cross-origin-opener-policy': crossOrigin(
        'cross-origin-opener-policy',
        /^(same-origin|same-origin-allow-popups|noopener-allow-popups)$/,
        /^unsafe-none$/
    )
};

/** The most that each test can give. All of it together, on top of 100, is the highest score there is: 165. */
export const MOST: Readonly<Record<string, number>> = {
    'content-security-policy': 10,
    cookies: 5,
    'cross-origin-resource-sharing': 0,
    redirection: 0,
    'referrer-policy': 5,
    'strict-transport-security': 5,
    'subresource-integrity': 5,
    'x-content-type-options': 0,
    'x-frame-options': 5,
    'cross-origin-resource-policy': 10,
    'cross-origin-embedder-policy': 10,
    'cross-origin-opener-policy': 10
};

const grades: readonly (readonly [from: number, grade: string])[] = [
    [100, 'A+'],
    [90, 'A'],
    [85, 'A-'],
    [80, 'B+'],
    [70, 'B'],
    [65, 'B-'],
    [60, 'C+'],
    [50, 'C'],
    [45, 'C-'],
    [40, 'D+'],
    [30, 'D'],
    [25, 'D-'],
    [0, 'F']
];

/** The score and grade of a scan, with what each test made of it. */
export function observe(scan: Scan): Score {
    const verdicts = Object.entries(tests).map(([test, judge]): Verdict => {
        const [result, points] = judge(scan);
        return { test, result, points };
    });
    const sum = (counts: (points: number) => boolean): number =>
        verdicts.reduce((all, { points }) => all + (counts(points) ? points : 0), 0);
    const withoutBonus = 100 + sum((points) => points < 0);
    const score = Math.max(0, withoutBonus + (withoutBonus >= BONUS_FROM ? sum((points) => points > 0) : 0));
    return { score, grade: grades.find(([from]) => score >= from)?.[1] ?? 'F', verdicts };
}
