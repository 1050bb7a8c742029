/** With a script the password can be shown while it is typed, and a passkey used; without one all else works. */
export const csr = true;
