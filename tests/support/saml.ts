// An identity provider of a test's own, that signs whatever the test wants said; and a browser's way by it.
import { randomBytes } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import {
    FORMATS,
    metadataOf,
    signed,
    written,
    type Answer,
    type SigningKey
} from '../../local/saml/answer.ts';
import { newSigningKey } from '../../local/saml/key.ts';

export { FORMATS } from '../../local/saml/answer.ts';

const DAY_MS = 86_400_000;

export type Idp = { entityId: string; key: SigningKey; metadata: string };

let known: Promise<readonly [SigningKey, SigningKey]> | undefined;

/** Two keys are enough for all tests of a file: one that its provider is known by, and a stranger's. */
export const keys = (): Promise<readonly [own: SigningKey, strange: SigningKey]> =>
    (known ??= (async () => {
        const [from, until] = [new Date(Date.now() - DAY_MS), new Date(Date.now() + 90 * DAY_MS)];
        return [
            await newSigningKey('own', from, until),
            await newSigningKey('strange', from, until)
        ] as const;
    })());

/** A provider that nobody has heard of yet. */
export async function anIdp(key?: SigningKey): Promise<Idp> {
    const entityId = `https://idp-${randomBytes(8).toString('hex')}.example/metadata`;
    const own = key ?? (await keys())[0];
    const signInUrl = entityId.replace(/metadata$/, 'sign-in?tenant=1');
    return {
        entityId,
        key: own,
        metadata: metadataOf({ entityId, signInUrl, certificates: [own.certificate] })
    };
}

/** The request that a person carries to their provider. */
export type Asked = { id: string; xml: string; relayState: string; url: URL };

export function askedIn(location: string): Asked {
    const url = new URL(location);
    const xml = inflateRawSync(Buffer.from(url.searchParams.get('SAMLRequest') ?? '', 'base64')).toString();
    const [, id = ''] = / ID="([^"]+)"/.exec(xml) ?? [];
    return { id, xml, relayState: url.searchParams.get('RelayState') ?? '', url };
}

/** What the provider says of somebody who has just signed in there, and what a test wants said instead. */
export function said(idp: Idp, authUrl: string, asked: Asked | null, other: Partial<Answer> = {}): Answer {
    const now = Date.now();
    return {
        issuer: idp.entityId,
        destination: `${authUrl}/sso/saml/acs`,
        audience: `${authUrl}/sso/saml/metadata`,
        requestId: asked?.id,
        nameId: { value: randomBytes(8).toString('hex'), format: FORMATS.persistent },
        attributes: {},
        issuedAt: new Date(now),
        from: new Date(now - 5000),
        until: new Date(now + 300_000),
        ...other
    };
}

/** A response whose assertion is signed, as most providers send it. */
export const inSignedAssertion = (answer: Answer, key: SigningKey): string =>
    signed(written(answer), 'Assertion', key);

/** A response that is signed as a whole. */
export const inSignedResponse = (answer: Answer, key: SigningKey): string =>
    signed(written(answer), 'Response', key);

/** Posts an answer as the browser does; where the auth server sends it on to. */
export async function postAnswer(
    authUrl: string,
    xml: string,
    relayState: string,
    headers: Record<string, string> = {}
): Promise<{ status: number; to: URL; headers: Headers }> {
    const answer = await fetch(`${authUrl}/sso/saml/acs`, {
        method: 'POST',
        redirect: 'manual',
        headers,
        body: new URLSearchParams({
            SAMLResponse: Buffer.from(xml).toString('base64'),
            ...(relayState ? { RelayState: relayState } : {})
        })
    });
    return {
        status: answer.status,
        to: new URL(answer.headers.get('location') ?? 'about:blank'),
        headers: answer.headers
    };
}
