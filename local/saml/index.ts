/**
 * Identity providers of businesses that speak SAML 2.0, one for each name under which they are asked for, as a large one has one
 * for each customer: metadata, a page to choose a person on or to turn back, and signed answers (Web Browser SSO profile: the request
 * by a redirect, the answer by a form). They know no app before it asks: whoever is sent here is answered where their request says,
 * on this machine alone.
 *
 * Somebody typed in may be told of with an answer that is no good: not signed, or out of date.
 */
import { readFile } from 'node:fs/promises';
import { inflateRawSync } from 'node:zlib';
import { DOMParser } from '@xmldom/xmldom';
import { Hono, type Context } from 'hono';
import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { DEFAULT_PEOPLE, isEmailAddress, subjectOf, type Person } from '../oidc/people.ts';
import {
    choicePage,
    formPostPage,
    metadataPage,
    problemPage,
    SCRIPT,
    SECURITY_HEADERS,
    STYLE
} from '../oidc/pages.ts';
import { openState } from '../oidc/state.ts';
import { writeAtomically } from '../processes.ts';
import { FORMATS, metadataOf, refused, signed, written, type Answer, type SigningKey } from './answer.ts';
import { newSigningKey } from './key.ts';

export type SamlIdpDeps = {
    /** Where this server is reached. */
    url: string;
    /** Where the people added on its page are kept. */
    keysFile: string;
    /** Where the key that it signs with is kept. */
    signingFile: string;
    /** What its page calls the app. */
    appName: string;
    clock: { now(): Date };
    log: (line: string) => void;
};

const CALLED = 'your business’s sign-in';
const YEARS_3_MS = 3 * 365 * 86_400_000;
const LIFE_MS = 5 * 60_000;

const TENANT = '/:tenant{[a-z0-9-]{1,60}}';

const Request = z.object({
    tenant: z.string(),
    id: z.string(),
    acsUrl: z.string(),
    audience: z.string(),
    relayState: z.string()
});
type Request = z.output<typeof Request>;
const yes = z.literal('yes').optional();
const Choice = z.object({
    request: z.string(),
    email: z.string().trim().toLowerCase().default(''),
    name: z.string().trim().max(80).default(''),
    missing: yes,
    unsigned: yes,
    stale: yes,
    deny: yes
});
type Choice = z.output<typeof Choice>;

/** Builds the providers; the first start makes their key. */
export async function createSamlIdp(deps: SamlIdpDeps) {
    const { url, clock } = deps;
    const entityOf = (tenant: string) => `${url}/${tenant}/metadata`;
    const key = await openKey(deps);
    const state = await openState(deps.keysFile);
    const routes = new Hono();
    const say = (c: Context, body: ReturnType<typeof problemPage>, status: 200 | 400 = 200) =>
        c.html(body, status, SECURITY_HEADERS);
    const everyone = (): readonly Person[] => [...DEFAULT_PEOPLE, ...state.people()];

    /** The request travels through the pages sealed, so that no form can change what was asked. */
    const seal = (request: Request) =>
        new SignJWT({ request })
            .setProtectedHeader({ alg: 'RS256', kid: state.kid })
            .setAudience(`${url}/authorize`)
            .setExpirationTime('15m')
            .sign(state.privateKey);
    const unseal = async (token: string): Promise<Request> => {
        const { payload } = await jwtVerify(token, state.publicKey, { audience: `${url}/authorize` });
        return Request.parse(payload.request);
    };

    const choose = async (c: Context, request: Request, problem?: string) =>
        say(
            c,
            choicePage({
                provider: CALLED,
                app: deps.appName,
                request: await seal(request),
                people: everyone(),
                offers: ['missing', 'unsigned', 'stale'],
                ...(problem ? { problem } : {})
            }),
            problem ? 400 : 200
        );

    const about = (request: Request, person: Person | null, choice: Choice): Answer => {
        const now = clock.now().getTime() - (choice.stale ? 60 * 60_000 : 0);
        return {
            issuer: entityOf(request.tenant),
            destination: request.acsUrl,
            audience: request.audience,
            requestId: request.id,
            nameId: {
                value: person ? subjectOf('sso', `${request.tenant} ${person.email}`) : '',
                format: FORMATS.persistent
            },
            attributes: {
                ...(person && !choice.missing ? { mail: person.email } : {}),
                ...(person ? { displayName: person.name } : {})
            },
            issuedAt: new Date(now),
            from: new Date(now),
            until: new Date(now + LIFE_MS)
        };
    };

    routes.get(`${TENANT}/metadata`, (c) => {
        const tenant = c.req.param('tenant');
        const metadata = metadataOf({
            entityId: entityOf(tenant),
            signInUrl: `${url}/${tenant}/sign-in`,
            certificates: [key.certificate]
        });
        return c.body(metadata, 200, { 'content-type': 'application/samlmetadata+xml' });
    });
    // A door that leads elsewhere, for whoever follows where they should not.
    routes.get(`${TENANT}/moved`, (c) => c.redirect(entityOf(c.req.param('tenant')), 302));

    routes.get(`${TENANT}/sign-in`, (c) => {
        const request = requestIn(
            c.req.param('tenant'),
            c.req.query('SAMLRequest') ?? '',
            c.req.query('RelayState') ?? ''
        );
        return typeof request === 'string' ? say(c, problemPage(CALLED, request), 400) : choose(c, request);
    });

    routes.post('/authorize', async (c) => {
        const form = Choice.safeParse(await c.req.parseBody());
        const request = form.success ? await unseal(form.data.request).catch(() => null) : null;
        if (!form.success || !request) {
            const sentence = 'This page has grown old. Go back to the app and sign in again.';
            return say(c, problemPage(CALLED, sentence), 400);
        }
        const choice = form.data;
        const person = choice.deny ? null : await chosen(choice);
        if (typeof person === 'string') return choose(c, request, person);
        const answer = about(request, person, choice);
        const xml = person === null ? refused(answer) : written(answer);
        const sent = person === null || choice.unsigned ? xml : signed(xml, 'Assertion', key);
        return say(
            c,
            formPostPage(CALLED, request.acsUrl, {
                SAMLResponse: Buffer.from(sent).toString('base64'),
                RelayState: request.relayState
            })
        );
    });

    /** The person picked or typed in, or a sentence that says what is missing. */
    async function chosen({ email, name }: Choice): Promise<Person | string> {
        const known = everyone().find((person) => person.email === email);
        if (known && !name) return known;
        if (!name) return 'Give a name.';
        if (!isEmailAddress(email)) return `“${email}” is no e-mail address.`;
        const person = { name, email };
        await state.addPerson(person);
        return person;
    }

    const asset = (text: string, type: string) => (c: Context) =>
        c.body(text, 200, { ...SECURITY_HEADERS, 'content-type': `${type}; charset=utf-8` });
    routes.get('/page.css', asset(STYLE, 'text/css'));
    routes.get('/page.js', asset(SCRIPT, 'text/javascript'));
    routes.get('/', (c) => say(c, metadataPage(CALLED, entityOf('office'))));
    routes.onError((error, c) => {
        deps.log(`saml: ${c.req.method} ${c.req.path} failed: ${error.message}`);
        return c.json({ error: 'server_error' }, 500);
    });
    return {
        fetch: (request: globalThis.Request) => routes.fetch(request),
        close: async () => undefined
    };
}

/** The request that came along (Bindings, 3.4.4), or a sentence that says why it can't be answered. */
function requestIn(tenant: string, encoded: string, relayState: string): Request | string {
    try {
        const xml = inflateRawSync(Buffer.from(encoded, 'base64')).toString();
        const root = new DOMParser().parseFromString(xml, 'text/xml').documentElement;
        const acsUrl = root.getAttribute('AssertionConsumerServiceURL') ?? '';
        const { hostname } = new URL(acsUrl);
        if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
            return `“${acsUrl}” is not on this machine, so nothing is answered there.`;
        const [issuer] = Array.from(root.getElementsByTagNameNS('*', 'Issuer'));
        return {
            tenant,
            id: root.getAttribute('ID') ?? '',
            acsUrl,
            audience: issuer?.textContent ?? '',
            relayState
        };
    } catch {
        return 'That is no request to sign in. Open the app and sign in from there.';
    }
}

async function openKey({ signingFile, clock }: SamlIdpDeps): Promise<SigningKey> {
    const Kept = z.object({ privateKey: z.string(), certificate: z.string() });
    try {
        return Kept.parse(JSON.parse(await readFile(signingFile, 'utf8')));
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const now = clock.now().getTime();
    const made = await newSigningKey('stand-in', new Date(now - 86_400_000), new Date(now + YEARS_3_MS));
    writeAtomically(signingFile, JSON.stringify(made));
    return made;
}
