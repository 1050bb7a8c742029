/** With a script a passkey can be used; without one all else works. */
export const csr = true;
