import { backoffDelayMs } from './backoff.ts';
import { DelayedKeys, type QueueClock, systemQueueClock } from './delayed-keys.ts';
import { ReadyKeys } from './ready-keys.ts';
import { type Occupant, WorkPlaces } from './work-places.ts';

/** What a reconcile may ask for. */
export interface ReconcileResult {
  /** Run this key again after this long; an earlier wish wins. */
  readonly requeueAfterMs?: number;
}

/** Told after each run of a key, for metrics and logs. */
export interface WorkResult {
  readonly key: string;
  /** From the moment the key was ready until it ran. */
  readonly waitedMs: number;
  readonly durationMs: number;
  readonly error?: unknown;
  /** Failures in a row, this one included; 0 on success. */
  readonly failures: number;
  readonly retryAfterMs?: number;
}

export interface WorkQueueOptions {
  /** Keys that run at once: of each lane, where there are lanes. */
  readonly concurrency: number;
  /**
   * What a key waits for, such as the host that it asks: keys of one lane never hold up those of another
   * (faults.md 22). Default: one lane for all.
   */
  readonly laneOf?: (key: string) => string;
  /**
   * Whose work a key is, such as its namespace: tenants take turns, so that one with thousands of keys does not hold up
   * the others. Default: one tenant for all.
   */
  readonly tenantOf?: (key: string) => string;
  /** Reconciles one key; the signal aborts when the queue stops. */
  // biome-ignore lint/suspicious/noConfusingVoidType: an async function without a wish returns nothing.
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult | undefined | void>;
  /** After the first failure of a key; doubled by each further one. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly clock?: QueueClock;
  readonly random?: () => number;
  readonly onResult?: (result: WorkResult) => void;
}

/** A run that lasts longer waits for a host that is slow or gone: an image is verified in a tenth of it. */
const STUCK_AFTER_MS = 5_000;
const ONE_FOR_ALL = (): string => '';

/**
 * Runs keys, each once at a time, in the order they came within their tenant and lane.
 *
 * A key that is added while it waits is there once; one that is added while it runs, runs once more after. A reconcile
 * that throws is repeated with exponential backoff and jitter, not before an error's own `retryAfterMs`; success
 * forgets the failures. Other keys are not held up (faults.md 10).
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #clock: QueueClock;
  readonly #ready: ReadyKeys;
  readonly #places: WorkPlaces;
  readonly #running = new Map<string, Promise<void>>();
  /** Keys that were added while they ran, and when. */
  readonly #dirty = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  /** Apart from each other, so that a retry does not take the place of a later wish. */
  readonly #wishes: DelayedKeys;
  readonly #retries: DelayedKeys;
  readonly #stop = new AbortController();
  #started = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemQueueClock;
    const { concurrency, laneOf = ONE_FOR_ALL, tenantOf = ONE_FOR_ALL } = options;
    this.#ready = new ReadyKeys({ laneOf, tenantOf });
    this.#places = new WorkPlaces(concurrency);
    this.#wishes = new DelayedKeys(this.#clock, (key) => this.add(key));
    this.#retries = new DelayedKeys(this.#clock, (key) => this.add(key));
  }

  /** Keys that are ready and not yet running. */
  get depth(): number {
    return this.#ready.size + this.#dirty.size;
  }

  /** Keys that run now. */
  get running(): number {
    return this.#running.size;
  }

  /** Keys that wait for their time; one that waits for two is counted twice. */
  get delayed(): number {
    return this.#wishes.size + this.#retries.size;
  }

  /** Makes a key ready. */
  add(key: string): void {
    if (this.#stop.signal.aborted) {
      return;
    }
    if (this.#running.has(key)) {
      if (!this.#dirty.has(key)) this.#dirty.set(key, this.#clock.now());
      return;
    }
    const place = this.#ready.add(key, this.#clock.now());
    // Where its own lane is busy, so are those of whatever waited before it.
    if (this.#places.isOpen(place)) this.#fill();
  }

  /** Makes a key ready after so many milliseconds; of several times the earliest holds. */
  addAfter(key: string, delayMs: number): void {
    if (!this.#stop.signal.aborted) {
      this.#wishes.add(key, delayMs);
    }
  }

  /** Begins to run what is ready. */
  start(): void {
    this.#started = true;
    this.#fill();
  }

  /** Drops what waits, aborts what runs, and resolves when the last reconcile has ended. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the queue stops'));
    this.#wishes.clear();
    this.#retries.clear();
    this.#ready.clear();
    this.#dirty.clear();
    await Promise.all(this.#running.values());
  }

  #fill(): void {
    while (this.#started && !this.#stop.signal.aborted && this.#places.hasFree) {
      const next = this.#ready.take((place) => this.#places.isOpen(place));
      if (next === undefined) {
        return;
      }
      const run = this.#places.enter(next);
      this.#running.set(next.key, this.#run(next.key, run, this.#clock.now() - next.readyAt));
    }
  }

  async #run(key: string, place: Occupant, waitedMs: number): Promise<void> {
    // The caller's stack ends here: an `add` within a handler never runs a reconcile within it.
    await Promise.resolve();
    const startedAt = this.#clock.now();
    const timer = this.#giveWayWhenStuck(place);
    let result: WorkResult;
    try {
      const wish = await this.#options.reconcile(key, this.#stop.signal);
      this.#succeeded(key, wish ? wish.requeueAfterMs : undefined);
      result = { key, waitedMs, durationMs: this.#clock.now() - startedAt, failures: 0 };
    } catch (error) {
      const { failures, retryAfterMs } = this.#failed(key, error);
      result = { key, waitedMs, durationMs: this.#clock.now() - startedAt, error, failures, retryAfterMs };
    }
    this.#clock.clearTimeout(timer);
    this.#running.delete(key);
    this.#places.leave(place);
    const dirtyAt = this.#dirty.get(key);
    if (dirtyAt !== undefined && !this.#stop.signal.aborted) {
      this.#dirty.delete(key);
      this.#ready.add(key, dirtyAt);
    }
    this.#fill();
    this.#options.onResult?.(result);
  }

  /** @returns the timer; undefined where all keys share a lane, which bounds them anyway */
  #giveWayWhenStuck(place: Occupant): unknown {
    if (this.#options.laneOf === undefined) return undefined;
    return this.#clock.setTimeout(() => {
      this.#places.stick(place);
      this.#fill();
    }, STUCK_AFTER_MS);
  }

  #succeeded(key: string, requeueAfterMs: number | undefined): void {
    this.#failures.delete(key);
    this.#retries.drop(key);
    if (requeueAfterMs !== undefined) {
      this.addAfter(key, requeueAfterMs);
    }
  }

  #failed(key: string, error: unknown): { failures: number; retryAfterMs: number } {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    const { baseDelayMs, maxDelayMs, random = Math.random } = this.#options;
    const retryAfterMs = Math.max(backoffDelayMs(failures, { baseDelayMs, maxDelayMs, random }), askedDelayMs(error));
    if (!this.#stop.signal.aborted) {
      this.#failures.set(key, failures);
      this.#retries.add(key, retryAfterMs);
    }
    return { failures, retryAfterMs };
  }
}

/** An ApiError or OciError carries the server's own Retry-After. */
function askedDelayMs(error: unknown): number {
  return typeof error === 'object' &&
    error !== null &&
    'retryAfterMs' in error &&
    typeof error.retryAfterMs === 'number'
    ? error.retryAfterMs
    : 0;
}
