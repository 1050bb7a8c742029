/** Which addresses links and redirects may lead to. A refused one silently becomes the site's own. */
import { isIP } from 'node:net';
import type { AuthSettings } from './settings.ts';

/** The first allowed of: header redirect_to, query redirect_to, Referer; else the site URL. */
export function resolveRedirect(settings: AuthSettings, request: Request): string {
    const asked = request.headers.get('redirect_to') || new URL(request.url).searchParams.get('redirect_to');
    const referrer = request.headers.get('referer');
    return [asked, referrer].find((url) => url && isAllowedRedirect(settings, url)) || settings.site_url;
}

/** Whether a redirect stays on the site or matches the allow-list. */
export function isAllowedRedirect(settings: AuthSettings, target: string): boolean {
    if (!URL.canParse(target)) return false;
    const site = new URL(settings.site_url);
    const url = new URL(target);
    // Native apps listen on a port of their choosing (RFC 8252, 7.3), so loopback ignores it.
    const samePlace = url.hostname === site.hostname && url.protocol === site.protocol;
    if (samePlace && (url.port === site.port || isLoopback(url.hostname))) return true;
    // URL has already turned decimal and octal spellings into dotted form; the original text tells them apart.
    const written = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/?#]*@)?(\[[^\]]*\]|[^/?#:]*)/i.exec(target)?.[1] ?? '';
    if (/^\d+$/.test(written)) return false;
    if (isIP(url.hostname.replace(/^\[|\]$/g, ''))) return isLoopback(url.hostname);
    const withoutFragment = target.split('#')[0] ?? '';
    return settings.additional_redirect_urls.some((pattern) => globPattern(pattern).test(withoutFragment));
}

const isLoopback = (host: string): boolean =>
    host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);

const patterns = new Map<string, RegExp>();

/** `*` stops at "." and "/", `**` crosses them, `?` is one character. */
function globPattern(glob: string): RegExp {
    let pattern = patterns.get(glob);
    if (!pattern) {
        const source = glob.replace(/\*\*|\*|\?|[^*?]+/g, (part) => {
            if (part === '**') return '.*';
            if (part === '*') return '[^./]*';
            if (part === '?') return '[^./]';
            return part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
        });
        pattern = new RegExp(`^${source}$`, 's');
        patterns.set(glob, pattern);
    }
    return pattern;
}

/** Adds parameters to the query, keeping what is there. */
export function withQuery(target: string, parameters: Record<string, string>): string {
    const url = new URL(target);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
}

/** Puts parameters into the fragment; `sb` marks them as this server's for the client. */
export function withFragment(target: string, parameters: Record<string, string>): string {
    const url = new URL(target);
    url.hash = new URLSearchParams({ ...parameters, sb: '' }).toString();
    return url.href;
}
