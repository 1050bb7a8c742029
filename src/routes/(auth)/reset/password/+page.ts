/** With a script the password can be shown while it is typed; without one all else works. */
export const csr = true;
