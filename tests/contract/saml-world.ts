// SAML at an auth server of a test's own: a provider that says what the test wants, and a person's way by it.
import { expect } from 'vitest';
import type { Answer } from '../../local/saml/answer.ts';
import {
    anIdp,
    askedIn,
    inSignedAssertion,
    postAnswer,
    said,
    type Asked,
    type Idp
} from '../support/saml.ts';
import { startOwnStack, type OwnStack } from '../support/stack.ts';
import { anAddress, aVisitor, cameFrom } from './visitors.ts';

export type Provider = {
    id: string;
    resource_id?: string;
    disabled: boolean | null;
    saml: { entity_id: string; metadata_xml?: string; name_id_format?: string };
    domains: { domain: string }[];
};
export type SamlVisitor = ReturnType<typeof aVisitor>;
export type SamlWorld = Awaited<ReturnType<typeof aSamlWorld>>;

const MAPPING = {
    keys: {
        email: { names: ['mail', 'email'] },
        name: { name: 'displayName' },
        team: { name: 'team', default: 'none' },
        groups: { name: 'groups', array: true }
    }
};

/** A stack of its own, with one provider set up. */
export async function aSamlWorld() {
    const stack: OwnStack = await startOwnStack({ migrate: false });
    const authUrl = `${stack.info.apiUrl}/auth/v1`;
    const idp = await anIdp();

    /** The management of providers, with the service key. */
    async function manage(method: string, path = '', body?: object, key = stack.info.secretKey) {
        const answer = await fetch(`${authUrl}/admin/sso/providers${path}`, {
            method,
            headers: { apikey: key, 'content-type': 'application/json' },
            ...(body ? { body: JSON.stringify(body) } : {})
        });
        return {
            status: answer.status,
            code: answer.headers.get('x-sb-error-code'),
            body: (await answer.json()) as unknown
        };
    }
    async function added(params: object): Promise<Provider> {
        const asked = { type: 'saml', attribute_mapping: MAPPING, ...params };
        const { status, body } = await manage('POST', '', asked);
        expect(status).toBe(201);
        return body as Provider;
    }
    const provider = await added({ metadata_xml: idp.metadata });

    /** Leaves for the provider; the visitor and the request that goes along. */
    async function leave(id = provider.id) {
        const visitor = aVisitor(stack.info, { flow: 'pkce' });
        const { data, error } = await visitor.auth.signInWithSSO({
            providerId: id,
            options: { redirectTo: 'http://localhost:3000/auth/callback' }
        });
        expect(error).toBeNull();
        return { visitor, asked: askedIn(data?.url ?? '') };
    }
    const about = (asked: Asked | null, other: Partial<Answer> = {}, from = idp): Answer =>
        said(from, authUrl, asked, { attributes: { mail: anAddress(), displayName: 'Sam Tyler' }, ...other });

    /** Each answer comes from an address of its own, so that none uses up another's limit. */
    const post = (xml: string, relayState: string) =>
        postAnswer(authUrl, xml, relayState, cameFrom(stack.info));

    async function arrived(visitor: SamlVisitor, to: URL) {
        const code = to.searchParams.get('code');
        const exchanged = code ? await visitor.auth.exchangeCodeForSession(code) : null;
        return {
            to,
            error: to.searchParams.get('error_code'),
            session: exchanged?.data.session ?? null,
            user: exchanged?.data.user ?? null
        };
    }

    /** Begins, answers and comes back; who is in then, or why not. */
    async function enter(
        other: Partial<Answer> = {},
        {
            from = idp,
            at = provider.id,
            sign = inSignedAssertion as (answer: Answer, key: Idp['key']) => string
        } = {}
    ) {
        const { visitor, asked } = await leave(at);
        const { to } = await post(sign(about(asked, other, from), from.key), asked.relayState);
        return arrived(visitor, to);
    }
    return { stack, authUrl, idp, provider, manage, added, leave, about, post, arrived, enter };
}
