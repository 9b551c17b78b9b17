/** A fault is tried again this soon. */
export const FAULT_RETRY_MS = 15_000;
const MAX_FAULT_RETRY_MS = 5 * 60_000;

/**
 * When to try again what fails: ever more seldom, once it has lasted twice as long, within bounds. So a service that is
 * down for hours is not asked by every request four times a minute.
 * @param since when the fault began, RFC 3339; absent: now
 * @param now milliseconds since the epoch
 * @returns milliseconds
 */
export function retryAfterMs(since: string | undefined, now: number): number {
  const lastedMs = since === undefined ? 0 : now - Date.parse(since);
  return Math.min(Math.max(lastedMs, FAULT_RETRY_MS), MAX_FAULT_RETRY_MS);
}
