/** Most messages that are counted behind a place: a long log is not read for a number that nobody needs to know exactly. */
export const countable = 10_000
