/**
 * A device in words that its person recognises, from what the library bowser reads in a user agent. Anybody can send
 * any agent: the words prove nothing, and only names that the library knows are passed on, because they stand in a mail
 * of ours. Pure, so that Node can test it.
 */

/** The parts of bowser's result that are looked at. */
export type Agent = {
    readonly browser: { readonly name?: string };
    readonly os: { readonly name?: string };
    readonly platform: { readonly model?: string };
};

/** The names that bowser knows; of an agent it does not know it hands back the agent's own words. */
export type Names = { readonly browsers: readonly string[]; readonly systems: readonly string[] };

/** Models that people call their device by; of others the system says more than a type number. */
const MODELS = ['iPhone', 'iPad'];

/** `Safari on iPhone`, `Chrome on Android`; null when the agent tells neither browser nor system by a known name. */
export function deviceInWords({ browser, os, platform }: Agent, { browsers, systems }: Names): string | null {
    const known = (names: readonly string[], name?: string) => names.find((one) => one === name);
    const place = known(MODELS, platform.model) ?? known(systems, os.name);
    const words = [known(browsers, browser.name), place].filter((part) => part !== undefined);
    return words.length === 0 ? null : words.join(' on ');
}
