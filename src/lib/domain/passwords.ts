/**
 * What a password must be, after NIST SP 800-63B-4 (August 2025), section 3.1.1.2: long enough to be the only thing that
 * is asked for, and none that is commonly used, expected or known to others. No rule of composition, and never a change
 * for its own sake. Whether a password is known from a break-in elsewhere is asked of others, and not known here.
 */

/** A password may be all that is asked for here, and then "a minimum of 15 characters in length" is demanded. */
export const SHORTEST_PASSWORD = 15;
/** bcrypt reads no further, and cutting a password off is forbidden. */
export const LONGEST_PASSWORD_BYTES = 72;

/** Entries of the list, or runs, that a password must not be made of by two of them alone. */
const TOO_FEW_PIECES = 2;

/** Why a password is not good enough. */
export type Weakness = 'too_short' | 'too_long' | 'common' | 'own_words';

/** What to say beside the field. */
export const weaknessInWords: Readonly<Record<Weakness | 'breached', string>> = {
    too_short: `Use at least ${SHORTEST_PASSWORD} characters. Three or four words that have nothing to do with each other are best.`,
    too_long: `Use at most ${LONGEST_PASSWORD_BYTES} characters; an accented letter or an emoji counts for two to four. What locks passwords up reads no further.`,
    common: 'This is one of the passwords that are tried first, or made of two of them. Add a word or two that nobody would expect.',
    own_words:
        'This is made of your name, your business or your address, which others know. Take words that have nothing to do with you.',
    breached:
        'This password is known from a break-in at another service, so it is tried first. Choose another one, and change it there too.'
};

/** One form for one password, whatever keyboard it was typed on (Unicode Standard Annex 15, NFKC). */
export function normalPassword(password: string): string {
    return password.normalize('NFKC');
}

/** Is it too short or too long? Characters are counted as people see them in text: by code point. */
export function lengthWeakness(password: string): Weakness | null {
    if ([...password].length < SHORTEST_PASSWORD) return 'too_short';
    return new TextEncoder().encode(password).length > LONGEST_PASSWORD_BYTES ? 'too_long' : null;
}

/**
 * What is wrong with a password in its normal form, or null. All of it is compared, never a part: it is refused when it
 * is nothing but one or two entries of the list of common ones (lower case), runs like `123456` and a few signs, however
 * often repeated; or nothing but the person's `own` words and one of these.
 */
export function weaknessOf(
    password: string,
    common: ReadonlySet<string>,
    own: readonly string[]
): Weakness | null {
    const length = lengthWeakness(password);
    if (length !== null) return length;
    const plain = password.toLowerCase().replace(/[\s\-_.]+/gu, '');
    const ownWords = new Set(own.flatMap(partsOf));
    for (const text of new Set([plain, withoutDisguise(plain)])) {
        if (piecesOf(text, common, new Set()) <= TOO_FEW_PIECES) return 'common';
        if (piecesOf(text, common, ownWords) < TOO_FEW_PIECES) return 'own_words';
    }
    return null;
}

/** Letters and figures that stand for each other in what people take for a disguise. */
const disguises: Readonly<Record<string, string>> = {
    '@': 'a',
    '4': 'a',
    '3': 'e',
    '1': 'i',
    '!': 'i',
    '0': 'o',
    $: 's',
    '5': 's',
    '7': 't'
};

const withoutDisguise = (text: string): string =>
    [...text].map((character) => disguises[character] ?? character).join('');

const SHORTEST_WORD = 3;

/** A name or an address as it could stand in a password: whole, and each of its words. */
function partsOf(words: string): string[] {
    const text = normalPassword(words).toLowerCase();
    const parts = text.split(/[^\p{L}\p{N}]+/u);
    return [text.replace(/[\s\-_.]+/gu, ''), parts.join(''), ...parts].filter(
        (part) => [...part].length >= SHORTEST_WORD
    );
}

/**
 * The least number of pieces that the whole text is made of; own words and what repeats what stands right before it count
 * nothing. Infinity when some of it is neither.
 */
function piecesOf(text: string, common: ReadonlySet<string>, own: ReadonlySet<string>): number {
    const least = [0];
    for (let end = 1; end <= text.length; end += 1) {
        let fewest = Infinity;
        for (let start = 0; start < end; start += 1) {
            const before = least[start] ?? Infinity;
            if (before < fewest) {
                fewest = Math.min(fewest, before + priceOf(text, start, end, common, own));
            }
        }
        least.push(fewest);
    }
    return least[text.length] ?? Infinity;
}

/** A year and a sign, as people put them behind a word. */
const FEW_SIGNS = 5;

function priceOf(
    text: string,
    start: number,
    end: number,
    common: ReadonlySet<string>,
    own: ReadonlySet<string>
): number {
    const piece = text.slice(start, end);
    if (own.has(piece) || (start >= piece.length && text.slice(start - piece.length, start) === piece)) {
        return 0;
    }
    const fewSigns = piece.length <= FEW_SIGNS && !/\p{L}/u.test(piece);
    return fewSigns || common.has(piece) || isRun(piece) ? 1 : Infinity;
}

/** `aaaa`, `abcd`, `8901`: each character as far from the one before, with 0 after 9 as on a keyboard. */
function isRun(piece: string): boolean {
    if (piece.length < 3) return false;
    const size = /^\d+$/.test(piece) ? 10 : 0x10000;
    const steps = Array.from({ length: piece.length - 1 }, (_, at) => {
        const step = piece.charCodeAt(at + 1) - piece.charCodeAt(at);
        return (step + size) % size;
    });
    const [first = 0] = steps;
    return [0, 1, size - 1].includes(first) && steps.every((step) => step === first);
}
