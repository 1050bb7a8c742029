/**
 * What a stand-in remembers across starts, in one file readable by its owner alone: the signing key, the people added
 * on its page, and who has agreed to what.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import {
    calculateJwkThumbprint,
    exportJWK,
    generateKeyPair,
    importJWK,
    type CryptoKey,
    type JWK
} from 'jose';
import { z } from 'zod';
import { Person } from './people.ts';

const Stored = z.object({
    key: z.looseObject({
        kty: z.literal('RSA'),
        kid: z.string(),
        n: z.string(),
        e: z.string(),
        d: z.string()
    }),
    people: z.array(Person),
    consents: z.array(z.object({ clientId: z.string(), subject: z.string(), relay: z.boolean() }))
});

export type Consent = z.output<typeof Stored>['consents'][number];

export type State = {
    kid: string;
    publicKey: JWK;
    privateKey: CryptoKey;
    people(): readonly Person[];
    addPerson(person: Person): Promise<void>;
    consent(clientId: string, subject: string): Consent | undefined;
    addConsent(consent: Consent): Promise<void>;
};

/** Opens the file, or makes it with a new 2048-bit RSA key, the kind that both Google and Apple sign with. */
export async function openState(file: string): Promise<State> {
    const stored = (await readStored(file)) ?? { key: await newKey(), people: [], consents: [] };
    let writing: Promise<void> = Promise.resolve();
    const save = () => {
        // One write after the other, each replacing the file whole.
        writing = writing.then(() => writeWhole(file, JSON.stringify(stored, null, 4)));
        return writing;
    };
    await save();
    const { kty, n, e, kid } = stored.key;
    const privateKey = await importJWK(stored.key, 'RS256');
    if (privateKey instanceof Uint8Array) throw new Error(`${file} holds no RSA key.`);
    return {
        kid,
        publicKey: { kty, n, e, kid, alg: 'RS256', use: 'sig' },
        privateKey,
        people: () => stored.people,
        async addPerson(person) {
            stored.people = [...stored.people.filter(({ email }) => email !== person.email), person];
            await save();
        },
        consent: (clientId, subject) =>
            stored.consents.find((c) => c.clientId === clientId && c.subject === subject),
        async addConsent(consent) {
            stored.consents.push(consent);
            await save();
        }
    };
}

async function readStored(file: string): Promise<z.output<typeof Stored> | null> {
    let text: string;
    try {
        text = await readFile(file, 'utf8');
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
    }
    return Stored.parse(JSON.parse(text));
}

async function writeWhole(file: string, text: string): Promise<void> {
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
}

async function newKey() {
    const { privateKey } = await generateKeyPair('RS256', { extractable: true, modulusLength: 2048 });
    const jwk = await exportJWK(privateKey);
    return Stored.shape.key.parse({ ...jwk, kid: await calculateJwkThumbprint(jwk) });
}
