/** What comes out next. */
export interface ReadyKey {
  readonly key: string;
  readonly lane: string;
  /** When it became ready. */
  readonly readyAt: number;
}

/** Keys that are ready, in lanes: within one in the order they came, and one lane after the other. */
export class ReadyKeys {
  readonly #laneOf: (key: string) => string;
  readonly #lanes = new Map<string, Map<string, number>>();
  /** The lane of each key, as it was when the key came. */
  readonly #keys = new Map<string, string>();

  constructor(laneOf: (key: string) => string) {
    this.#laneOf = laneOf;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Adds a key, unless it is there. */
  add(key: string, now: number): void {
    if (this.#keys.has(key)) return;
    const lane = this.#laneOf(key);
    this.#keys.set(key, lane);
    const keys = this.#lanes.get(lane) ?? new Map<string, number>();
    keys.set(key, now);
    this.#lanes.set(lane, keys);
  }

  /** Takes out the first key of the first lane that is open; the lane then stands behind the others. */
  take(isOpen: (lane: string) => boolean): ReadyKey | undefined {
    for (const [lane, keys] of this.#lanes) {
      if (!isOpen(lane)) continue;
      const [first] = keys;
      this.#lanes.delete(lane);
      if (first === undefined) continue;
      const [key, readyAt] = first;
      keys.delete(key);
      this.#keys.delete(key);
      if (keys.size > 0) this.#lanes.set(lane, keys);
      return { key, lane, readyAt };
    }
    return undefined;
  }

  clear(): void {
    this.#lanes.clear();
    this.#keys.clear();
  }
}
