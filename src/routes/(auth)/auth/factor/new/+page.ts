// The key can be copied by a tap, for an app on the same phone.
export const csr = true;
