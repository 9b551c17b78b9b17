/** What a peer holds open here: a connection, or an answer that it reads. */
interface Closable {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** At most so many things that peers hold open: one more destroys the oldest. */
export class OldestFirst<T extends Closable> {
  readonly #max: number;
  readonly #open = new Set<T>();

  constructor(max: number) {
    this.#max = max;
  }

  add(one: T): void {
    const [oldest] = this.#open;
    if (this.#open.size >= this.#max && oldest !== undefined) {
      // Its close is told later: until then it must not be chosen again.
      this.#open.delete(oldest);
      oldest.destroy();
    }
    this.#open.add(one);
    one.once('close', () => this.#open.delete(one));
  }
}
