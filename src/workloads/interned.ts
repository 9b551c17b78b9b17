const MAX_KEPT = 20_000;
/** Whoever writes pods chooses the texts: a longer one is not kept beside the pod. */
const MAX_KEY_LENGTH = 512;

/**
 * Gives equal values as one: JSON's parser makes a new string for each place where a text stands, and ten thousand pods
 * name the same thousand images. Bounded: when it is full it begins anew, and what was given out stays good.
 */
export class Interned<T> {
  readonly #max: number;
  readonly #values = new Map<string, T>();

  /** @param max values kept */
  constructor(max = MAX_KEPT) {
    this.#max = max;
  }

  /** The value of a key: the one that is kept, or what `make` makes. */
  of(key: string, make: () => T): T {
    if (key.length > MAX_KEY_LENGTH) return make();
    const kept = this.#values.get(key);
    if (kept !== undefined) return kept;
    if (this.#values.size >= this.#max) this.#values.clear();
    const made = make();
    this.#values.set(key, made);
    return made;
  }

  get size(): number {
    return this.#values.size;
  }
}
