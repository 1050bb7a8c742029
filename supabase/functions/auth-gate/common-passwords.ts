/** The passwords that everybody thinks of, out of a dictionary that is kept by others. Pure, so that Node can test it. */

/** How many are looked for. With fewer letters than these have an entry says nothing about a long password. */
const MOST = 20_000;
const SHORTEST = 4;

/** The most common of them, from a list in the order in which leaks show them, in lower case. */
export function mostCommon(passwords: readonly string[]): ReadonlySet<string> {
    return new Set(passwords.filter((word) => word.length >= SHORTEST).slice(0, MOST));
}
