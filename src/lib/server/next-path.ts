/** Where to go after signing in. A path of this site and nothing else, so that no link can lead people away. */

const home = '/today';

/** Pages that only make sense on the way in; choosing a new password and setting up a second factor come after it. */
const wayIn = /^\/(sign-in|sign-up|reset(?!\/password$)|auth(?!\/factor\/(new|key|codes)$))(\/|$)/;

/** The wanted path when it is one of ours, else Today. */
export function nextPath(wanted: unknown): string {
    if (typeof wanted !== 'string' || !/^\/(?![/\\])[^\\\p{Cc}]*$/u.test(wanted)) return home;
    const base = 'http://internal.invalid';
    if (!URL.canParse(wanted, base)) return home;
    const url = new URL(wanted, base);
    if (
        url.origin !== base ||
        url.pathname === '/' ||
        url.pathname.startsWith('//') ||
        wayIn.test(url.pathname)
    ) {
        return home;
    }
    return `${url.pathname}${url.search}`;
}
