/** XML that a customer gave, read without looking anywhere else: no document type, no entities but XML's own five. */
import { DOMParser } from 'npm:@xmldom/xmldom@0.8.15';

/** The root of the document, or null where it is none that is read here. */
export function parseXml(text: string): Element | null {
    // Neither the auth server nor this parser reads from elsewhere; a document that tries to is none.
    if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) {
        return null;
    }
    const refuse = (why: unknown): never => {
        throw new Error(String(why));
    };
    try {
        const parser = new DOMParser({
            errorHandler: { warning: refuse, error: refuse, fatalError: refuse }
        });
        const root: Element | null | undefined = parser.parseFromString(text, 'text/xml').documentElement;
        return root ?? null;
    } catch {
        return null;
    }
}
