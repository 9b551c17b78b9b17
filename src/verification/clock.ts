/** Gives the current time; a parameter everywhere, so that tests choose it. */
export type Clock = () => Date;

export const systemClock: Clock = () => new Date();
