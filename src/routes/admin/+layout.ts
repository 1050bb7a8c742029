/** Plain pages and plain forms: what few people use needs no script. */
export const csr = false;
