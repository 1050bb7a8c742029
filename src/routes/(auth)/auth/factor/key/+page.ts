/** A security key takes a script: only that can ask the browser for one. */
export const csr = true;
