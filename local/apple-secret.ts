// npm run apple-secret -- --team TEAM --key KEY --client SERVICES_ID AuthKey_KEY.p8
// Prints a client secret for Apple, and the line of SQL by which the database warns before it ends.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { endOfAppleSecret, signAppleSecret } from './oidc/apple-secret.ts';

const USAGE = 'Usage: npm run apple-secret -- --team TEAM_ID --key KEY_ID --client SERVICES_ID AuthKey_….p8';

try {
    const { values, positionals } = parseArgs({
        options: { team: { type: 'string' }, key: { type: 'string' }, client: { type: 'string' } },
        allowPositionals: true
    });
    const [file] = positionals;
    if (!values.team || !values.key || !values.client || !file) throw new Error(USAGE);
    const secret = await signAppleSecret(
        { teamId: values.team, keyId: values.key, privateKeyPem: readFileSync(file, 'utf8') },
        values.client,
        { issuer: 'https://appleid.apple.com' }
    );
    const end = endOfAppleSecret(secret)?.toISOString();
    console.log(`${secret}

It ends on ${end}. Give it to the auth server as Apple's secret, then tell the database, which warns from a month before:

    delete from vault.secrets where name = 'tf_apple_secret_ends_at';
    select vault.create_secret('${end}', 'tf_apple_secret_ends_at');`);
} catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
}
