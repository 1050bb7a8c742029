// What happens between a page and an authenticator (a phone's screen lock, a laptop's, a key in a USB socket), and how it is
// told when nothing comes of it.
import {
    browserSupportsWebAuthn,
    browserSupportsWebAuthnAutofill,
    startAuthentication,
    startRegistration,
    WebAuthnError,
    type PublicKeyCredentialCreationOptionsJSON,
    type PublicKeyCredentialRequestOptionsJSON
} from '@simplewebauthn/browser';

/** As our server gives it. */
export type Question = {
    options: PublicKeyCredentialCreationOptionsJSON & PublicKeyCredentialRequestOptionsJSON;
    /** What goes back beside the answer. */
    fields: Record<string, string>;
};

/** `make` a new key, `use` one, or wait in the background until somebody picks one where they type their address. */
export type Ceremony = 'make' | 'use' | 'offer';

/** No answer, and a sentence that says why. `calm` where nothing went wrong: somebody changed their mind. */
export class Unanswered extends Error {
    readonly calm: boolean;

    constructor(sentence: string, calm = false) {
        super(sentence);
        this.name = 'Unanswered';
        this.calm = calm;
    }
}

/** Can this browser offer a passkey where somebody types their address? */
export const mayOffer = (): Promise<boolean> => browserSupportsWebAuthnAutofill();

const NONE_HERE = 'This browser can’t do that. Use another browser, or another way.';

/** An authenticator's answer to the question, as JSON; throws {@link Unanswered}. */
export async function answerTo(ask: () => Promise<Question>, ceremony: Ceremony): Promise<Answered> {
    if (!browserSupportsWebAuthn()) throw new Unanswered(NONE_HERE);
    const { options, fields } = await ask();
    try {
        const credential =
            ceremony === 'make'
                ? await startRegistration({ optionsJSON: options })
                : await startAuthentication({
                      optionsJSON: options,
                      useBrowserAutofill: ceremony === 'offer'
                  });
        return { ...fields, credential: JSON.stringify(credential) };
    } catch (failure) {
        throw new Unanswered(sentenceFor(failure), isChangeOfMind(failure));
    }
}

/** The fields of the form that takes the answer to the server. */
export type Answered = Record<string, string> & { credential: string };

const nameOf = (failure: unknown): string => (failure instanceof Error ? failure.name : '');

/** Browsers say the same of a person who cancelled, one who waited too long, and a device that has no such key. */
const isChangeOfMind = (failure: unknown): boolean =>
    ['NotAllowedError', 'AbortError'].includes(nameOf(failure));

function sentenceFor(failure: unknown): string {
    if (isChangeOfMind(failure))
        return 'Nothing has happened. Try again whenever you like, or use another way.';
    const code = failure instanceof WebAuthnError ? failure.code : '';
    if (code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED' || nameOf(failure) === 'InvalidStateError')
        return 'That one is set up here already.';
    if (nameOf(failure) === 'NotSupportedError' || nameOf(failure) === 'ConstraintError') return NONE_HERE;
    return 'That did not work. Try again, or use another way.';
}
