/**
 * The promise ledger: every promise we make in public, what enforces it, what proves it, and how it stands. `npm test` holds
 * it against the live catalog and against the tests that ran; /security shows it. A row that claims more than its tests show
 * is a fault like any other.
 */
import { abuse } from './abuse.ts';
import { access } from './access.ts';
import { audit } from './audit.ts';
import { dealings } from './dealings.ts';
import { files } from './files.ts';
import { house } from './house.ts';
import { isolation } from './isolation.ts';
import { money } from './money.ts';
import { sessions } from './sessions.ts';
import { signIn } from './sign-in.ts';
import { IDS } from './ids.ts';
import type { LedgerRow } from './types.ts';

const position = new Map<string, number>(IDS.map((id, index) => [id, index]));

/** Every promise, in the order of their ids. */
export const ledger: readonly LedgerRow[] = [
    ...isolation,
    ...access,
    ...signIn,
    ...sessions,
    ...abuse,
    ...files,
    ...money,
    ...audit,
    ...dealings,
    ...house
].sort((one, other) => (position.get(one.id) ?? 0) - (position.get(other.id) ?? 0));
