/** Bounds of an exponential backoff. */
export interface BackoffOptions {
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** In [0, 1); Math.random by default. */
  readonly random?: () => number;
}

/**
 * Gives the delay after so many failures in a row (1 and more): doubled each time up to the maximum, and of that a
 * random part between half and the whole, so that many who failed together do not come back together.
 */
export function backoffDelayMs(failures: number, options: BackoffOptions): number {
  const doublings = Math.min(Math.max(failures, 1) - 1, 30);
  const whole = Math.min(options.baseDelayMs * 2 ** doublings, options.maxDelayMs);
  return whole / 2 + ((options.random ?? Math.random)() * whole) / 2;
}
