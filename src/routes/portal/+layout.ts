/** The customer's pages are pages and nothing more. */
export const csr = false;
