/** Time for queues: milliseconds that never go back, and timers. */
export interface QueueClock {
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemQueueClock: QueueClock = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** The longest timer that Node has; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Entry {
  readonly dueAt: number;
  timer: unknown;
}

/** Keys that become due, each at one time: the earliest that was asked for. */
export class DelayedKeys {
  readonly #clock: QueueClock;
  readonly #onDue: (key: string) => void;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: QueueClock, onDue: (key: string) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Makes a key due after a delay; weeks and months are possible. */
  add(key: string, delayMs: number): void {
    const dueAt = this.#clock.now() + Math.max(Number.isNaN(delayMs) ? 0 : delayMs, 0);
    const held = this.#entries.get(key);
    if (held !== undefined) {
      if (held.dueAt <= dueAt) {
        return;
      }
      this.#clock.clearTimeout(held.timer);
    }
    const entry: Entry = { dueAt, timer: undefined };
    this.#entries.set(key, entry);
    this.#arm(key, entry);
  }

  /** Forgets a key. */
  drop(key: string): void {
    const held = this.#entries.get(key);
    if (held !== undefined) {
      this.#clock.clearTimeout(held.timer);
      this.#entries.delete(key);
    }
  }

  clear(): void {
    for (const entry of this.#entries.values()) {
      this.#clock.clearTimeout(entry.timer);
    }
    this.#entries.clear();
  }

  #arm(key: string, entry: Entry): void {
    const restMs = entry.dueAt - this.#clock.now();
    // Node's timers may fire a fraction of a millisecond early; that is due.
    if (restMs < 1 && entry.timer !== undefined) {
      this.#entries.delete(key);
      this.#onDue(key);
      return;
    }
    entry.timer = this.#clock.setTimeout(() => this.#arm(key, entry), Math.min(Math.max(restMs, 0), MAX_TIMER_MS));
  }
}
