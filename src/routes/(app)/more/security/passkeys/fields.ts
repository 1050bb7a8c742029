/** What the pages of passkeys ask for. */
import { z } from 'zod';

export const passkeyName = z
    .string()
    .trim()
    .min(1, 'Give it a name, like My phone.')
    .max(60, 'Use at most 60 characters.');
