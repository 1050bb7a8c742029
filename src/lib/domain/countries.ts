/** Countries as people call them. */

const names = new Intl.DisplayNames('en-GB', { type: 'region' });

/** The name of a country by its code of two letters (ISO 3166-1). */
export function countryName(code: string): string {
    return names.of(code) ?? code;
}
