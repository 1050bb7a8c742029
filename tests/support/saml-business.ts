// A business whose people sign in by SAML 2.0, and their way through the app.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Answer } from '../../local/saml/answer.ts';
import { type Business } from './business.ts';
import { aProvenDomain } from './dns.ts';
import { anIdp, askedIn, inSignedAssertion, postAnswer, said, type Asked, type Idp } from './saml.ts';
import { askSso, roleOf } from './sso.ts';
import { stack } from './stack.ts';
import { aVisitor, type Visitor } from './visitor.ts';

export const authUrl = (): string => `${stack().apiUrl}/auth/v1`;

/** Where the stand-in shows the metadata of a provider that nobody has set up yet. */
export const aMetadataUrl = (): string => `${stack().samlUrl}/firm-${randomUUID().slice(0, 8)}/metadata`;

/** What an owner types, with the metadata pasted unless their address is given. */
export async function typedSaml(
    of: Business,
    other: Record<string, string> = {}
): Promise<Record<string, string>> {
    return { name: 'Bell Lane office', role_id: await roleOf(of, 'staff'), ...other };
}

/** Proves a domain and switches single sign-on by a test's own provider on. */
export async function withSaml(of: Business): Promise<{ domain: string; idp: Idp }> {
    const domain = `firm-${randomUUID().slice(0, 8)}.example`;
    await aProvenDomain(of, domain);
    const idp = await anIdp();
    expect(
        await askSso(of, { action: 'set_up_saml', ...(await typedSaml(of, { metadata_xml: idp.metadata })) })
    ).toMatchObject({ identifier: expect.stringMatching(/^sso:/) });
    return { domain, idp };
}

/** Begins at the sign-in page of a domain; the request that the person carries to their provider. */
export async function toProvider(visitor: Visitor, domain: string, next = ''): Promise<Asked> {
    const begun = await visitor.get(`/auth/start?${new URLSearchParams({ sso: domain, next })}`);
    expect(begun.status).toBe(302);
    return askedIn(begun.headers.get('location') ?? '');
}

/** From an address of its own: the tests of a stack would share one limit. */
const from = (): Record<string, string> => ({
    apikey: stack().secretKey,
    'sb-forwarded-for': `198.51.100.${Math.ceil(Math.random() * 250)}`
});

/** Posts an answer as the browser does; where that leads. */
export const answered = (xml: string, relayState: string): Promise<{ to: URL }> =>
    postAnswer(authUrl(), xml, relayState, from());

/** Says something about somebody, signed as it should be. */
export const aboutSomebody = (idp: Idp, asked: Asked | null, other: Partial<Answer>): string =>
    inSignedAssertion(said(idp, authUrl(), asked, other), idp.key);

/** Goes on as a browser does until it stands on a page of the app; that page's address. */
export async function arrivesAt(visitor: Visitor, to: URL): Promise<string> {
    let path = `${to.pathname}${to.search}`;
    for (let hops = 0; hops < 5; hops += 1) {
        const { status, headers } = await visitor.get(path);
        if (status < 300 || status >= 400) break;
        path = headers.get('location') ?? '';
        if (!path.startsWith('/auth/callback')) break;
    }
    return path;
}

/** Signs in by a test's own provider, which says this of the person; where the app leads then. */
export async function entersBySaml(
    { domain, idp }: { domain: string; idp: Idp },
    other: Partial<Answer>,
    next = ''
): Promise<{ visitor: Visitor; to: string; xml: string }> {
    const visitor = aVisitor(process.env.TF_APP_URL ?? '');
    const asked = await toProvider(visitor, domain, next);
    const xml = aboutSomebody(idp, asked, other);
    const { to } = await answered(xml, asked.relayState);
    return { visitor, to: await arrivesAt(visitor, to), xml };
}
