// Attacks on private links: tokens guessed, spoiled, or made from what the database keeps of them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, repelled, theScene } from './scene.ts';
import type { Answer, Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
    scene = await theScene();
});
afterAll(() => scene.end());

describe('links', () => {
    const open = (token: unknown): Promise<Answer> =>
        ask('/rest/v1/rpc/portal_invoice', { method: 'POST', body: { token } });

    test.each([
        ['cut', (token: string) => token.slice(0, -1)],
        ['longer', (token: string) => `${token}A`],
        ['in other case', (token: string) => token.toLowerCase() + token.toUpperCase()],
        ['with a space', (token: string) => ` ${token}`],
        ['with a line’s end', (token: string) => `${token}\n`],
        ['padded', (token: string) => `${token}=`],
        ['a pattern', () => '%'],
        ['a quote', (token: string) => `${token}' or '1'='1`],
        ['empty', () => ''],
        ['nothing', () => null]
    ])('[ISO-1] a link’s token %s opens nothing', async (_, spoil) => {
        const token = await scene.bell.aLink(scene.bell.invoiceId);
        await repelled(scene, async () => {
            const answer = await open(spoil(token));
            expect(answer).toMatchObject({ status: 400, text: expect.stringContaining('link_not_valid') });
            return answer;
        });
        expect((await open(token)).text).toContain(scene.mark);
    });

    test('[ISO-1] the id of a link, or the hash that is kept of it, opens nothing', async () => {
        const token = await scene.bell.aLink(scene.bell.invoiceId);
        const [link] = await scene.sql<{ id: string; hex: string; base64: string }[]>`
            select id, encode(token_hash, 'hex') as hex, encode(token_hash, 'base64') as base64
            from public.portal_links
            where token_hash = sha256(convert_to(${token}, 'utf8'))
        `;
        await repelled(scene, async () => {
            const answers = await Promise.all(Object.values(link ?? {}).map(open));
            expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
            return answers;
        });
    });

    test('[ISO-1] a link to one invoice shows no other of the same account', async () => {
        const other = await scene.bell.anInvoice();
        const token = await scene.bell.aLink(scene.bell.invoiceId);
        const answer = await open(token);
        expect(answer.text).toContain(scene.mark);
        expect(answer.text).not.toContain(other.documentId);
        expect(answer.text).not.toContain(other.reference);
    });
});
