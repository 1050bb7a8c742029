// The codes can be copied and printed by a tap.
export const csr = true;
