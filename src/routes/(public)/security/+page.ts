/** Unfolding is the browser's own: the page needs no script. */
export const csr = false;
