/** With a script a passkey or a security key can be used; without one all else works. */
export const csr = true;
