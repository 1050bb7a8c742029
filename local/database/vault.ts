// Keeps [db.vault] of config.toml in the vault, so that SQL reads settings where a hosted project has them.

import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sql } from 'postgres';

/** Makes the key that encrypts the vault, beside the tables and not in them. */
export function ensureVaultKey(dataDir: string): void {
    const file = join(dataDir, 'vault.key');
    if (existsSync(file)) return;
    writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 });
    // The server reads it, and may run as somebody else than we do.
    const { uid, gid } = statSync(dataDir);
    if (process.getuid?.() === 0) chownSync(file, uid, gid);
}

/** Writes each secret that is new or changed; names that are no longer configured stay. */
export async function fillVault(superuser: Sql, secrets: Record<string, string>): Promise<void> {
    for (const [name, value] of Object.entries(secrets)) {
        if (value === '') continue;
        await superuser`
            select case
                when kept.id is null then vault.create_secret(${value}, ${name})::text
                when kept.decrypted_secret <> ${value} then vault.update_secret(kept.id, ${value})::text
            end
            from (values (1)) as once
            left join vault.decrypted_secrets as kept on kept.name = ${name}
        `;
    }
}
