/** Signing in works on any browser and any line: plain forms, no script. */
export const csr = false;
