// The attacks that answers of SAML providers have always been open to: what is not signed, not signed by the right one, or signed
// for something else lets nobody in.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { written, type Answer } from '../../local/saml/answer.ts';
import { newSigningKey } from '../../local/saml/key.ts';
import { anIdp, FORMATS, inSignedAssertion, inSignedResponse, keys, type Asked } from '../support/saml.ts';
import { wrappings } from '../support/saml-wrapping.ts';
import { aSamlWorld, type SamlVisitor, type SamlWorld } from './saml-world.ts';
import { withClockAt } from './visitors.ts';

let world: SamlWorld;
beforeAll(async () => {
    world = await aSamlWorld();
});
afterAll(() => world.stack.stopAndForget());

/** Whoever comes in by an answer is nobody but whom the provider has signed for. */
async function expectNobodyBut(honest: string, xml: string, asked: Asked, visitor: SamlVisitor) {
    const { to } = await world.post(xml, asked.relayState);
    const { user } = await world.arrived(visitor, to);
    expect([undefined, honest]).toContain(user?.email);
    return user;
}

describe('[AUTH-7] an answer is refused', () => {
    const cases: [string, (good: { asked: Asked; answer: Answer }) => Promise<string> | string][] = [
        ['that is not signed', ({ answer }) => written(answer)],
        [
            'whose signature was taken out',
            ({ answer }) =>
                inSignedAssertion(answer, world.idp.key).replace(/<ds:Signature[\s\S]*<\/ds:Signature>/, '')
        ],
        [
            'whose response was signed, with the signature taken out',
            ({ answer }) =>
                inSignedResponse(answer, world.idp.key).replace(/<ds:Signature[\s\S]*<\/ds:Signature>/, '')
        ],
        ['that another key has signed', async ({ answer }) => inSignedAssertion(answer, (await keys())[1])],
        [
            'that another key has signed, whose certificate comes along under the known one’s name',
            async ({ answer }) => inSignedResponse(answer, (await keys())[1])
        ],
        [
            'that was changed after it was signed',
            ({ answer }) =>
                inSignedAssertion(answer, world.idp.key).replaceAll(
                    answer.attributes.mail ?? '',
                    'victim@example.com'
                )
        ],
        [
            'whose whole signature is one over nothing',
            ({ answer }) =>
                inSignedAssertion(answer, world.idp.key).replace(/<ds:Reference[\s\S]*<\/ds:Reference>/, '')
        ],
        [
            'that is meant for another audience',
            ({ answer }) =>
                inSignedAssertion({ ...answer, audience: 'https://elsewhere.example' }, world.idp.key)
        ],
        [
            'that is meant for another recipient',
            ({ answer }) =>
                inSignedAssertion({ ...answer, destination: 'https://elsewhere.example/acs' }, world.idp.key)
        ],
        [
            'whose recipient alone is another',
            ({ answer }) =>
                inSignedAssertion(
                    { ...answer, destination: 'https://elsewhere.example/acs' },
                    world.idp.key
                ).replace(/(<samlp:Response[^>]*Destination=")[^"]*/, `$1${answer.destination}`)
        ],
        [
            'that answers another request',
            ({ answer }) => inSignedAssertion({ ...answer, requestId: 'id-of-another' }, world.idp.key)
        ],
        [
            'that answers no request, with the relay state of one',
            ({ answer }) => inSignedAssertion({ ...answer, requestId: undefined }, world.idp.key)
        ],
        [
            'whose assertion answers another request than its response says',
            ({ answer, asked }) =>
                inSignedAssertion({ ...answer, requestId: 'id-of-another' }, world.idp.key).replace(
                    /(<samlp:Response[^>]*InResponseTo=")[^"]*/,
                    `$1${asked.id}`
                )
        ],
        [
            'of another issuer than the relay state’s provider, by its own key',
            async ({ asked }) => {
                const other = await anIdp((await keys())[1]);
                await world.added({ metadata_xml: other.metadata });
                return inSignedAssertion(world.about(asked, {}, other), other.key);
            }
        ],
        [
            'of another business’s provider that calls itself like this one',
            async ({ answer }) => {
                const other = await anIdp((await keys())[1]);
                await world.added({ metadata_xml: other.metadata });
                return inSignedResponse(answer, other.key);
            }
        ],
        [
            'with an entity of its own',
            ({ answer }) =>
                `<!DOCTYPE r [<!ENTITY who "victim@example.com">]>${inSignedAssertion(answer, world.idp.key).replaceAll(answer.attributes.mail ?? '', '&who;')}`
        ],
        [
            'with an entity that stands in a file',
            ({ answer }) =>
                `<!DOCTYPE r [<!ENTITY who SYSTEM "file:///etc/hostname">]>${inSignedAssertion(answer, world.idp.key).replaceAll(answer.attributes.mail ?? '', '&who;')}`
        ],
        [
            'that says that nobody signed in',
            ({ answer }) =>
                inSignedResponse(answer, world.idp.key).replace('status:Success', 'status:Responder')
        ],
        ['that is no answer', () => '<html/>'],
        ['that is no XML', () => 'a < b']
    ];
    it.each(cases)('%s', async (_, make) => {
        const { visitor, asked } = await world.leave();
        const xml = await make({ asked, answer: world.about(asked) });
        const { to } = await world.post(xml, asked.relayState);
        const { error, session } = await world.arrived(visitor, to);
        expect({ error, session }).toEqual({ error: 'validation_failed', session: null });
        expect(to.hash).not.toContain('access_token');
    });

    const s = 1000;
    it.each([
        ['issued too long ago', { issuedAt: -95 }],
        ['that has expired', { until: -190 }],
        ['that is not yet good', { from: 190, until: 400 }]
    ])('%s', async (_, moved) => {
        const now = Date.now();
        const at = Object.fromEntries(
            Object.entries(moved).map(([name, seconds]) => [name, new Date(now + seconds * s)])
        );
        expect(await world.enter(at)).toMatchObject({ error: 'validation_failed', session: null });
    });

    it('and not for a clock that differs by less than three minutes', async () => {
        const now = Date.now();
        const moved = { from: new Date(now + 150 * s), until: new Date(now + 400 * s) };
        expect((await world.enter(moved)).session).not.toBeNull();
        expect(
            (await world.enter({ from: new Date(now - 400 * s), until: new Date(now - 150 * s) })).session
        ).not.toBeNull();
    });

    it('that comes a second time', async () => {
        const { visitor, asked } = await world.leave();
        const xml = inSignedAssertion(world.about(asked), world.idp.key);
        const first = await world.post(xml, asked.relayState);
        const again = await world.post(xml, asked.relayState);
        expect(again.to.searchParams.get('error_code')).toBe('saml_relay_state_not_found');
        const other = await world.leave();
        const elsewhere = await world.post(xml, other.asked.relayState);
        expect(elsewhere.to.searchParams.get('error_code')).toBe('validation_failed');
        expect((await world.arrived(visitor, first.to)).session).not.toBeNull();
    });

    it('that comes two minutes after the person left', async () => {
        const { asked } = await world.leave();
        await withClockAt(world.stack.info, 121, async () => {
            const late = new Date(Date.now() + 121 * s);
            const times = { issuedAt: late, until: new Date(late.getTime() + 300 * s) };
            const { to } = await world.post(
                inSignedAssertion(world.about(asked, times), world.idp.key),
                asked.relayState
            );
            expect(to.searchParams.get('error_code')).toBe('saml_relay_state_expired');
        });
    });

    it('by a key whose certificate has ended', async () => {
        const [from, until] = [new Date(Date.now() - 10 * 86_400 * s), new Date(Date.now() - 3600 * s)];
        const old = await anIdp(await newSigningKey('ended', from, until));
        const { id } = await world.added({ metadata_xml: old.metadata });
        expect(await world.enter({}, { from: old, at: id })).toMatchObject({
            error: 'validation_failed',
            session: null
        });
    });

    it.each(['1%27--', 'not-a-state', randomUUID()])('with the relay state %s', async (relayState) => {
        const { to } = await world.post(inSignedAssertion(world.about(null), world.idp.key), relayState);
        expect(['validation_failed', 'saml_relay_state_not_found']).toContain(
            to.searchParams.get('error_code')
        );
    });

    it('of a provider that nobody has set up, when it begins there', async () => {
        const stranger = await anIdp((await keys())[1]);
        const { to } = await world.post(inSignedAssertion(world.about(null, {}, stranger), stranger.key), '');
        expect(to.searchParams.get('error_code')).toBe('saml_idp_not_found');
    });
});

describe('[AUTH-7] a signature vouches for nothing but what it is on:', () => {
    const honest = 'honest@bell.example';
    const forged = 'victim@bell.example';
    const attacks = wrappings.flatMap(([name, part, wrap]) =>
        [false, true].map(
            (sameId) => [`${name}${sameId ? ', under the same id' : ''}`, part, wrap, sameId] as const
        )
    );
    it.each(attacks)('%s', async (_, part, wrap, sameId) => {
        const { visitor, asked } = await world.leave();
        const answer = world.about(asked, {
            nameId: { value: honest, format: FORMATS.persistent },
            attributes: { mail: honest }
        });
        const sign = part === 'Response' ? inSignedResponse : inSignedAssertion;
        const xml = wrap(sign(answer, world.idp.key), honest, forged, sameId);
        expect(xml, 'the attack says what it wants').toContain(forged);
        await expectNobodyBut(honest, xml, asked, visitor);
    });

    it.each([
        ['the name', (xml: string) => xml.replace(/(<saml:NameID[^>]*>)honest/, '$1honest<!-- -->')],
        [
            'the address',
            (xml: string) =>
                xml.replace('<saml:AttributeValue>honest@bell', '<saml:AttributeValue>honest@bell<!--x-->')
        ]
    ])('a comment in %s cuts nothing off', async (_, comment) => {
        const { visitor, asked } = await world.leave();
        const email = `honest@bell.example.${randomUUID().slice(0, 8)}.test`;
        const answer = world.about(asked, {
            nameId: { value: email, format: FORMATS.emailAddress },
            attributes: { mail: email }
        });
        const xml = comment(inSignedAssertion(answer, world.idp.key));
        expect(xml).toContain('<!--');
        const user = await expectNobodyBut(email, xml, asked, visitor);
        expect([undefined, email]).toContain(user?.user_metadata.sub);
    });
});

describe('[AUTH-7] a sign-in by SAML belongs to the browser that began it:', () => {
    it('another one’s code opens nothing there', async () => {
        const [attacker, victim] = [await world.leave(), await world.leave()];
        const { to } = await world.post(
            inSignedAssertion(world.about(attacker.asked), world.idp.key),
            attacker.asked.relayState
        );
        const { data, error } = await victim.visitor.auth.exchangeCodeForSession(
            to.searchParams.get('code') ?? ''
        );
        expect(error?.code).toBe('bad_code_verifier');
        expect(data.session).toBeNull();
    });

    it('an answer fits no other one’s relay state', async () => {
        const [one, other] = [await world.leave(), await world.leave()];
        const { to } = await world.post(
            inSignedAssertion(world.about(one.asked), world.idp.key),
            other.asked.relayState
        );
        expect(to.searchParams.get('error_code')).toBe('validation_failed');
    });
});
