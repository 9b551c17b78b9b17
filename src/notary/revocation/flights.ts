import { RETRY_MS } from './answer-store.ts';

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

const MAX_FAILURES = 1_000;

/** One exchange at a time for what several ask at once (notary.md H6), and none again right after it failed. */
export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>();
  readonly #failures = new Map<string, { readonly error: unknown; readonly until: number }>();

  /**
   * Joins the exchange of that name, or starts it. It is aborted when nobody waits for it any more.
   * @returns what `start` gives; rejects as it does, or with the reason of the caller's own signal
   */
  async run(name: string, now: Date, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const failure = this.#failures.get(name);
    if (failure !== undefined && now.getTime() < failure.until && now.getTime() >= failure.until - RETRY_MS) {
      throw failure.error;
    }
    const flight = this.#flights.get(name) ?? this.#start(name, now, start);
    flight.waiting += 1;
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([flight.result, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      flight.waiting -= 1;
      if (flight.waiting === 0) flight.controller.abort(signal.reason);
    }
  }

  #start(name: string, now: Date, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const result = start(controller.signal).then(
      (value) => {
        this.#end(name, flight);
        this.#failures.delete(name);
        return value;
      },
      (error: unknown) => {
        this.#end(name, flight);
        if (!controller.signal.aborted) this.#remember(name, error, now);
        throw error;
      },
    );
    // Where everybody left, nobody hears of its end.
    result.catch(() => undefined);
    const flight: Flight<T> = { result, controller, waiting: 0 };
    controller.signal.addEventListener('abort', () => this.#end(name, flight), { once: true });
    this.#flights.set(name, flight);
    return flight;
  }

  #end(name: string, flight: Flight<T>): void {
    if (this.#flights.get(name) === flight) this.#flights.delete(name);
  }

  #remember(name: string, error: unknown, now: Date): void {
    if (this.#failures.size >= MAX_FAILURES) this.#failures.clear();
    this.#failures.set(name, { error, until: now.getTime() + RETRY_MS });
  }
}
