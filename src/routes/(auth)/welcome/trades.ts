/** Trades to choose from; the last one is for whoever does not find theirs. */
export const trades = [
    'Electrician',
    'Plumber',
    'Gas engineer',
    'Heating engineer',
    'Roofer',
    'Builder',
    'Joiner',
    'Plasterer',
    'Painter and decorator',
    'Tiler',
    'Bricklayer',
    'Landscaper',
    'Locksmith',
    'Glazier',
    'Flooring',
    'Handyperson',
    'Another trade'
] as const;
