/**
 * Sets single sign-on of a business up, changes it, and takes it off again (AUTH-7). Whether somebody may is the database's to say,
 * asked with their own token.
 *
 * POST, with the token of an owner who has just proved who they are
 * - `{account_id, action: 'set_up', name, issuer, client_id, client_secret, role_id}` → `{identifier}`: by OpenID Connect
 * - `{account_id, action: 'set_up_saml', name, metadata_url | metadata_xml, role_id}` → `{identifier}`: by SAML 2.0
 * - `{account_id, action: 'renew', metadata_url | metadata_xml}` → `{}`: other metadata of the same SAML provider
 * - `{account_id, action: 'switch', on}` → `{}`: nobody signs in by it until it is switched on again
 * - `{account_id, action: 'end'}` → `{}`
 *
 * Problems: the database's (`owners_only`, `fresh_proof_needed`, `domain_first`, `sso_is_set_up`, `validation_failed`,
 * `not_found`), `sso_provider_not_found` 422 (there is no provider at that address), `sso_provider_unfit` 422 (it tells nobody's
 * address), `saml_metadata_not_found` 422 (nothing is read there, or not by us), `saml_metadata_unfit` 422, `saml_idp_taken` 409
 * (another business has that provider), `saml_other_provider` 409, `sso_is_full` 503 (the project takes no more providers),
 * `auth_unavailable` 503.
 */
import { z } from 'npm:zod@4.6.7';
import { contextOf, requirePerson } from '../_shared/caller.ts';
import { clientOf, dataOf } from '../_shared/person.ts';
import { allowMethods, parseJson, readBody } from '../_shared/request.ts';
import { serve, type Call } from '../_shared/serve.ts';
import { callService, type Act } from '../_shared/service.ts';
import { METADATA_LIMIT_BYTES, readMetadata } from './metadata.ts';
import { addOidc, removeOidc, switchOidc } from './oidc.ts';
import { fetchOutside } from './outside.ts';
import { addSaml, removeSaml, renewSaml, switchSaml } from './saml.ts';
import { parseXml } from './xml.ts';

const account_id = z.guid();
const common = { account_id, name: z.string().max(60), role_id: z.guid() };
const source = {
    metadata_url: z.string().max(500).default(''),
    metadata_xml: z.string().max(METADATA_LIMIT_BYTES).default('')
};
const Body = z.discriminatedUnion('action', [
    z.strictObject({
        ...common,
        action: z.literal('set_up'),
        issuer: z.string().max(500),
        client_id: z.string().max(300),
        client_secret: z.string().min(1).max(1000)
    }),
    z.strictObject({ ...common, action: z.literal('set_up_saml'), ...source }),
    z.strictObject({ account_id, action: z.literal('renew'), ...source }),
    z.strictObject({ account_id, action: z.literal('switch'), on: z.boolean() }),
    z.strictObject({ account_id, action: z.literal('end') })
]);
type Asked = z.output<typeof Body>;
type Source = Pick<Extract<Asked, { action: 'renew' }>, 'metadata_url' | 'metadata_xml'>;

const Begun = z.object({ identifier: z.string() });
const Identifier = z.string();

serve('sso', async (call) => {
    allowMethods(call.request, 'POST');
    const person = requirePerson(call.request);
    const asked = parseJson(
        new TextDecoder().decode(await readBody(call.request, 2 * METADATA_LIMIT_BYTES)),
        Body
    );
    const context = await contextOf(call);
    const client = await clientOf(person, call, context);
    const act: Act = { actor: person.userId, requestId: call.requestId, context };
    const { account_id } = asked;
    const settled = (identifier: string, outcome: 'on' | 'off' | 'renewed' | 'gone', said: object = {}) =>
        callService(
            act,
            'sso_settled',
            { account_id, identifier, person: person.userId, outcome, said },
            z.boolean()
        );
    const begun = async (name: 'begin_sso' | 'begin_saml', args: object): Promise<string> =>
        Begun.parse(dataOf(await client.rpc(name, { account_id, ...args }))).identifier;
    /** The provider that there is, for somebody who may change it. */
    const standing = async (): Promise<string> =>
        Identifier.parse(dataOf(await client.rpc('ending_sso', { account_id })));
    /** What was begun is on, as the auth server says; or it is taken away again everywhere. */
    const finish = async (
        identifier: string,
        hand: () => Promise<{ known_as: string; [more: string]: unknown }>
    ): Promise<Response> => {
        try {
            const said = await hand();
            await settled(identifier, 'on', said);
            return Response.json({ identifier: said.known_as });
        } catch (failure) {
            await remove(call, identifier);
            await settled(identifier, 'gone');
            throw failure;
        }
    };

    switch (asked.action) {
        case 'set_up': {
            const { name, issuer, client_id, role_id } = asked;
            const identifier = await begun('begin_sso', { name, issuer, client_id, role_id });
            return await finish(identifier, async () => {
                await addOidc(call, identifier, asked);
                return { known_as: identifier };
            });
        }
        case 'set_up_saml': {
            const { name, role_id, metadata_url, metadata_xml } = asked;
            const identifier = await begun('begin_saml', {
                name,
                metadata_url: metadata_xml === '' ? metadata_url : null,
                role_id
            });
            return await finish(identifier, async () => {
                const { xml, said } = await metadataFrom(call, asked);
                return { known_as: await addSaml(call, identifier, xml), ...said };
            });
        }
        case 'renew': {
            const identifier = await standing();
            const { xml, said } = await metadataFrom(call, asked);
            await renewSaml(call, identifier, xml);
            await settled(identifier, 'renewed', said);
            return Response.json({});
        }
        case 'switch': {
            const identifier = await standing();
            // There first: off means off at its own door too, and on that there is something to switch on.
            await (isOidc(identifier) ? switchOidc : switchSaml)(call, identifier, asked.on);
            await settled(identifier, asked.on ? 'on' : 'off');
            return Response.json({});
        }
        case 'end': {
            const identifier = await standing();
            // There first: while the auth server has it, people could still sign in at its own door.
            await remove(call, identifier);
            await settled(identifier, 'gone');
            return Response.json({});
        }
    }
});

const isOidc = (identifier: string): boolean => identifier.startsWith('custom:');

const remove = (call: Call, identifier: string): Promise<void> =>
    (isOidc(identifier) ? removeOidc : removeSaml)(call, identifier);

/** The metadata that were pasted, or else stand at the address, and what of them is kept. */
async function metadataFrom(call: Call, { metadata_url, metadata_xml }: Source) {
    const xml =
        metadata_xml === '' ? await fetchOutside(metadata_url, METADATA_LIMIT_BYTES, call.log) : metadata_xml;
    const { entityId, certificateEndsAt } = readMetadata(parseXml(xml), new Date());
    return { xml, said: { entity_id: entityId, certificate_ends_at: certificateEndsAt } };
}
