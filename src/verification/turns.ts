/**
 * One after another for each key: whoever comes second finds what the first has fetched, and need not ask for it again
 * (one flight per digest). It waits for a while only: what another asks, with other credentials, must hold nobody up.
 */
export class Turns {
  readonly #maxWaitMs: number;
  readonly #current = new Map<string, { readonly since: number; readonly done: Promise<void> }>();

  /** @param maxWaitMs how long a turn is waited for at most */
  constructor(maxWaitMs: number) {
    this.#maxWaitMs = maxWaitMs;
  }

  /**
   * Waits for the turn that is under way, and takes the next one.
   * @returns `waitedSince`: when the first one waited for began, by performance.now(); `end` must be called
   */
  async take(key: string, signal: AbortSignal): Promise<{ readonly waitedSince?: number; readonly end: () => void }> {
    const until = performance.now() + this.#maxWaitMs;
    let waitedSince: number | undefined;
    for (let current = this.#current.get(key); current !== undefined; current = this.#current.get(key)) {
      const left = until - performance.now();
      if (left <= 0) break;
      if (await endsWithin(current.done, left, signal)) waitedSince ??= current.since;
    }
    const own = Promise.withResolvers<void>();
    const turn = { since: performance.now(), done: own.promise };
    this.#current.set(key, turn);
    return {
      ...(waitedSince === undefined ? {} : { waitedSince }),
      end: () => {
        if (this.#current.get(key) === turn) this.#current.delete(key);
        own.resolve();
      },
    };
  }
}

/** @throws the signal's reason */
async function endsWithin(done: Promise<void>, ms: number, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const early = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => early.resolve(false), ms);
  const onAbort = (): void => early.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([done.then(() => true), early.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
