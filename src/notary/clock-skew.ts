/** The clock of a signing or time stamping authority may be ahead of ours by this much (notary.md D, I). */
export const MAX_AHEAD_MS = 5 * 60_000;
