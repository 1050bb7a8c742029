/** A network as people call it: one address of version 4 by itself, anything else with how many bits of it count. */
export const networkInWords = (network: string): string => network.replace(/\/32$/, '');
