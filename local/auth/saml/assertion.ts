/**
 * What an identity provider's answer says, and whether it may be believed. Which signature there must be is the library's to
 * check; the rest are the published server's own rules (supabase/auth, which takes them from crewjam/saml): a message is good
 * for 90 seconds, clocks may differ by three minutes, and what is answered is the request that went out with this relay state,
 * unless the sign-in began at the provider.
 */
import type { IdpMetadata } from './metadata.ts';
import type { AttributeMapping } from './rows.ts';
import { BY_ADDRESS, type ServiceProvider } from './service-provider.ts';
import {
    ASSERTION,
    childOf,
    childrenOf,
    isNamed,
    momentOf,
    parseXml,
    PROTOCOL,
    SIGNATURE,
    textOf
} from './xml.ts';

const LONGEST_WAY_MS = 90_000;
const CLOCK_SKEW_MS = 180_000;
const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success';
const TRANSIENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';

export type Question = {
    idp: IdpMetadata;
    /** The request that is answered; null when the provider began, which then may name any. */
    requestId: string | null;
    now: Date;
};

/**
 * The assertion of an answer, believed.
 * @throws Error with the reason, which is nobody's but the log's
 */
export async function believed(sp: ServiceProvider, answer: string, question: Question): Promise<Element> {
    const response = parseXml(Buffer.from(answer, 'base64').toString('utf8'));
    const isSigned = childrenOf(response, SIGNATURE, 'Signature').length > 0;
    checkResponse(sp, response, isSigned, question);
    const xml = await sp.signedAssertion(question.idp, answer, isSigned, question.now);
    const assertion = parseXml(xml);
    if (!isNamed(assertion, ASSERTION, 'Assertion')) throw new Error('the signature is on something else');
    checkAssertion(sp, assertion, question);
    return assertion;
}

/** Whom an answer says that it comes from, before anything of it is believed. @throws Error */
export function issuerOf(answer: string): string {
    const response = parseXml(Buffer.from(answer, 'base64').toString('utf8'));
    return textOf(childOf(response, ASSERTION, 'Issuer'));
}

function checkResponse(sp: ServiceProvider, response: Element, isSigned: boolean, question: Question): void {
    if (!isNamed(response, PROTOCOL, 'Response')) throw new Error('this is no Response');
    const destination = response.getAttribute('Destination') ?? '';
    if ((isSigned || destination !== '') && destination !== sp.acsUrl)
        throw new Error(`Destination ${destination} is not ${sp.acsUrl}`);
    demandAnswerTo(question, response.getAttribute('InResponseTo'));
    demandFresh(response, question.now);
    const issuer = childOf(response, ASSERTION, 'Issuer');
    if (issuer && textOf(issuer) !== question.idp.entityId)
        throw new Error('response Issuer does not match the IDP metadata');
    const status = childOf(response, PROTOCOL, 'Status');
    const code = status && childOf(status, PROTOCOL, 'StatusCode')?.getAttribute('Value');
    if (code !== SUCCESS) throw new Error(`the provider says ${code ?? 'nothing'}`);
}

function checkAssertion(sp: ServiceProvider, assertion: Element, question: Question): void {
    const now = question.now.getTime();
    demandFresh(assertion, question.now);
    if (textOf(childOf(assertion, ASSERTION, 'Issuer')) !== question.idp.entityId)
        throw new Error('assertion Issuer does not match the IDP metadata');
    const subject = childOf(assertion, ASSERTION, 'Subject');
    const conditions = childOf(assertion, ASSERTION, 'Conditions');
    if (!subject || !conditions) throw new Error('the assertion has no subject or no conditions');
    for (const confirmation of childrenOf(subject, ASSERTION, 'SubjectConfirmation')) {
        const data = childOf(confirmation, ASSERTION, 'SubjectConfirmationData');
        demandAnswerTo(question, data?.getAttribute('InResponseTo'));
        if (data?.getAttribute('Recipient') !== sp.acsUrl) throw new Error('another recipient is meant');
        if (momentOf(data.getAttribute('NotOnOrAfter')) + CLOCK_SKEW_MS < now)
            throw new Error('SubjectConfirmationData has expired');
    }
    if (momentOf(conditions.getAttribute('NotBefore')) - CLOCK_SKEW_MS > now)
        throw new Error('Conditions are not yet valid');
    if (momentOf(conditions.getAttribute('NotOnOrAfter')) + CLOCK_SKEW_MS < now)
        throw new Error('Conditions have expired');
    const restrictions = childrenOf(conditions, ASSERTION, 'AudienceRestriction');
    const isForUs = (one: Element) => textOf(childOf(one, ASSERTION, 'Audience')) === sp.entityId;
    if (restrictions.length > 0 && !restrictions.some(isForUs)) throw new Error('another audience is meant');
}

function demandAnswerTo({ requestId }: Question, named: string | null | undefined): void {
    if (requestId !== null && named !== requestId) throw new Error('InResponseTo names another request');
}

function demandFresh(message: Element, now: Date): void {
    if (momentOf(message.getAttribute('IssueInstant')) + LONGEST_WAY_MS < now.getTime())
        throw new Error('IssueInstant is too long ago');
}

/** The values of the attribute of that name, or friendly name, in any case. */
function valuesOf(assertion: Element, name: string): string[] {
    const isCalled = (attribute: Element) =>
        ['Name', 'FriendlyName'].some(
            (part) => attribute.getAttribute(part)?.toLowerCase() === name.toLowerCase()
        );
    return childrenOf(assertion, ASSERTION, 'AttributeStatement')
        .flatMap((statement) => childrenOf(statement, ASSERTION, 'Attribute'))
        .filter(isCalled)
        .flatMap((attribute) => childrenOf(attribute, ASSERTION, 'AttributeValue'))
        .map(textOf);
}

const nameIdOf = (assertion: Element): Element | undefined => {
    const subject = childOf(assertion, ASSERTION, 'Subject');
    return subject && childOf(subject, ASSERTION, 'NameID');
};

/** By what the provider knows the person for good; '' when it gave no lasting name. */
export function userIdOf(assertion: Element): string {
    const [subjectId] = valuesOf(assertion, 'urn:oasis:names:tc:SAML:attribute:subject-id');
    if (subjectId !== undefined) return subjectId;
    const nameId = nameIdOf(assertion);
    const format = nameId?.getAttribute('Format');
    if (format === BY_ADDRESS) return textOf(nameId).trim().toLowerCase();
    return format === TRANSIENT ? '' : textOf(nameId);
}

const ADDRESSES = [
    'urn:oid:0.9.2342.19200300.100.1.3',
    'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress',
    'http://schemas.xmlsoap.org/claims/EmailAddress',
    'mail',
    'email'
];

/** The best guess of an address, where the mapping names none; '' when there is none. */
export function addressOf(assertion: Element): string {
    const [found] = ADDRESSES.flatMap((name) => valuesOf(assertion, name)).filter(Boolean);
    const nameId = nameIdOf(assertion);
    return found ?? (nameId?.getAttribute('Format') === BY_ADDRESS ? textOf(nameId) : '');
}

/** What the assertion says of the person, under the names that the provider's mapping gives. */
export function claimsOf(assertion: Element, mapping: AttributeMapping): Record<string, unknown> {
    const said: Record<string, unknown> = {};
    for (const [key, wanted] of Object.entries(mapping.keys ?? {})) {
        const values = [wanted.name ?? '', ...(wanted.names ?? [])]
            .filter(Boolean)
            .map((name) => valuesOf(assertion, name).filter(Boolean))
            .find((found) => found.length > 0);
        const value = values ? (wanted.array ? values : values[0]) : wanted.default;
        if (value !== undefined && value !== null) said[key] = value;
    }
    return said;
}

/** Until when the provider lets a session last, where it says so. */
export function sessionEndOf(assertion: Element): Date | null {
    const [end] = childrenOf(assertion, ASSERTION, 'AuthnStatement')
        .map((statement) => momentOf(statement.getAttribute('SessionNotOnOrAfter')))
        .filter((moment) => moment > 0);
    return end === undefined ? null : new Date(end);
}
