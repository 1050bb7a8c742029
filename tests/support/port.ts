import * as ports from '../../local/ports.ts';

/** A port that is free now and likely still is when a test takes it a few seconds later. */
export const freePort = (): Promise<number> => ports.freePort(0);
