/**
 * Is a password known from a break-in? Asked of a list of such passwords without telling it the password: the first five
 * hex digits of its SHA-1 go out, some hundred rests come back and are looked through here (Have I Been Pwned, "Pwned
 * Passwords", searching by range). `Add-Padding` has answers of any range be of one length on the line, with rests that
 * were seen 0 times. WebCrypto and the caller's `fetch` only, so that Node can test it.
 */
const PREFIX_LENGTH = 5;
/** Whoever chooses a password waits for this; a list that takes longer counts as out of reach. */
const TIMEOUT_MS = 2500;
/** Far beyond a thousand lines: more is no answer to this question. */
const MOST_BYTES = 256 * 1024;

/** How often the password was seen in break-ins; throws when the list can't be asked. */
export async function timesBreached(
    password: string,
    url: string,
    fetch: typeof globalThis.fetch = globalThis.fetch
): Promise<number> {
    const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(password));
    const hash = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0'))
        .join('')
        .toUpperCase();
    const answer = await fetch(`${url}/range/${hash.slice(0, PREFIX_LENGTH)}`, {
        headers: { 'add-padding': 'true', 'user-agent': 'tradersflow-auth-gate/1' },
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS)
    });
    const text = await answer.text();
    if (!answer.ok) {
        throw new Error(`The list of known passwords answered ${answer.status}.`);
    }
    if (text.length > MOST_BYTES || !/^[0-9A-F]{35}:\d+/i.test(text)) {
        throw new Error('The list of known passwords answered something else.');
    }
    const rest = hash.slice(PREFIX_LENGTH);
    const line = text.split('\n').find((one) => one.slice(0, rest.length).toUpperCase() === rest);
    return line === undefined ? 0 : Number.parseInt(line.slice(rest.length + 1), 10) || 0;
}
