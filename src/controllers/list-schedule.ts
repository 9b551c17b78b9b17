import type { ImageKey } from '../verification/index.ts';

interface Listing {
  readonly listedAt: number;
  /** Of the interval: when after it the next is due. */
  readonly fraction: number;
}

/** What is first listed together, after a start say, is asked for again over half of the interval. */
const FIRST = 0.5;
const LATER = 0.9;
/** A list that is due and was not given, by a registry that throttles say, is asked for again this soon. */
const OVERDUE_MS = 5 * 60_000;

/**
 * When each image's signatures are listed again: once in every interval at the latest, and never all together, for a
 * thousand images that were first seen in one minute would be asked for in one minute ever after.
 */
export class ListSchedule {
  readonly #random: () => number;
  readonly #listings = new Map<ImageKey, Listing>();

  /** @param random from 0 to below 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /**
   * Milliseconds until the next listing of an image is due; 0 when it is.
   * @param listedAt when it was listed last, milliseconds since the epoch
   * @param intervalMs the longest time between two listings
   */
  dueAfterMs(key: ImageKey, listedAt: number, intervalMs: number, now: number): number {
    // A clock that was set back says nothing of how long ago it was.
    if (now < listedAt) return 0;
    const known = this.#listings.get(key);
    const atLeast = known === undefined ? FIRST : LATER;
    const listing =
      known?.listedAt === listedAt ? known : { listedAt, fraction: atLeast + this.#random() * (1 - atLeast) };
    this.#listings.set(key, listing);
    return Math.max(Math.ceil(listedAt + intervalMs * listing.fraction) - now, 0);
  }

  /** When to look at an image again after a reconcile: when its listing is due, or soon where one is overdue. */
  lookAgainAfterMs(key: ImageKey, listedAt: number, intervalMs: number, now: number): number {
    const dueMs = this.dueAfterMs(key, listedAt, intervalMs, now);
    if (dueMs > 0) return dueMs;
    return Math.min(intervalMs, OVERDUE_MS) * (LATER + this.#random() * (1 - LATER));
  }

  forget(key: ImageKey): void {
    this.#listings.delete(key);
  }
}
