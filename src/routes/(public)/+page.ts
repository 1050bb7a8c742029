/** The front door is a page and nothing more: no script to wait for. */
export const csr = false;
