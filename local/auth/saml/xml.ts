/** Reading XML: by namespace and local name, never by prefix. It judges no signature; what is read here may be anybody's word. */
import { DOMParser } from '@xmldom/xmldom';

export const PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol';
export const ASSERTION = 'urn:oasis:names:tc:SAML:2.0:assertion';
export const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata';
export const SIGNATURE = 'http://www.w3.org/2000/09/xmldsig#';

/**
 * The root of a well-formed document. Entities other than XML's own five are none: nothing is ever read from elsewhere.
 * @throws Error
 */
export function parseXml(text: string): Element {
    const refuse = (why: unknown) => {
        throw new Error(`invalid xml: ${String(why).split('\n')[0]}`);
    };
    const parser = new DOMParser({ errorHandler: { warning: refuse, error: refuse, fatalError: refuse } });
    const root: Element | null | undefined = parser.parseFromString(text, 'text/xml').documentElement;
    return root ?? refuse('no root');
}

export const isNamed = (element: Element, namespace: string, name: string): boolean =>
    element.namespaceURI === namespace && element.localName === name;

/** The children of that name. */
export const childrenOf = (element: Element, namespace: string, name: string): Element[] =>
    Array.from(element.childNodes).filter(
        (node): node is Element =>
            node.nodeType === node.ELEMENT_NODE && isNamed(node as Element, namespace, name)
    );

/** The child of that name; the last of several, as the published server reads them. */
export const childOf = (element: Element, namespace: string, name: string): Element | undefined =>
    childrenOf(element, namespace, name).at(-1);

/** All of an element's own text. A comment in the middle of it ends nothing. */
export const textOf = (element: Element | undefined): string =>
    Array.from(element?.childNodes ?? [])
        .filter((node) => node.nodeType === node.TEXT_NODE || node.nodeType === node.CDATA_SECTION_NODE)
        .map((node) => node.nodeValue ?? '')
        .join('');

/** A moment as XML writes it; one that is missing or none is long ago. */
export const momentOf = (text: string | null | undefined): number => {
    const moment = Date.parse(text ?? '');
    return Number.isNaN(moment) ? 0 : moment;
};
