/** A request was not sent: its host may not be asked again before the request's time is over. */
export class HostBusyError extends Error {
  /** Milliseconds until the host may be asked. */
  readonly retryAfterMs: number;
  /** The host itself asked to wait; else it is merely slow to answer those before. */
  readonly isThrottled: boolean;
  constructor(host: string, retryAfterMs: number, isThrottled: boolean) {
    const why = isThrottled ? 'limits the rate of requests' : 'has not answered the requests before this one';
    super(`${host} ${why}; not asked again for ${Math.ceil(retryAfterMs / 1000)} s`);
    this.name = 'HostBusyError';
    this.retryAfterMs = retryAfterMs;
    this.isThrottled = isThrottled;
  }
}

export interface HostLimiterOptions {
  /** Requests to one host at once. */
  readonly concurrency: number;
  /** From 0 to below 1; default Math.random. */
  readonly random?: () => number;
}

/** `running`: for what runs; `requested`: for what is only asked for, which waits as long as the others want their turns. */
export type TurnPriority = 'running' | 'requested';

interface Waiter {
  readonly start: () => void;
}

interface HostState {
  running: number;
  readonly waiting: Readonly<Record<TurnPriority, Set<Waiter>>>;
  /** Turns of what runs since the last one of what is requested. */
  turnsAhead: number;
  /** By performance.now(), as every time here: a stepped wall clock moves nothing. */
  pausedUntil: number;
  /** Starts a second; undefined: as fast as they come. */
  rate: number | undefined;
  nextStartAt: number;
  /** Pauses in a row, without a good answer between. */
  strikes: number;
  timer: NodeJS.Timeout | undefined;
}

/** A host may not stop us for longer by one answer; whoever waits longer comes again anyway. */
const MAX_PAUSE_MS = 5 * 60_000;
const BACKOFF_MS = { first: 500, max: 30_000 };
/** Rates in requests a second: after the first refusal, the least, what a good answer adds, and where it is let go. */
const RATE = { first: 20, min: 0.5, step: 0.05, unlimited: 100 };
const SLOWER = 0.7;
const MAX_HOSTS = 1_000;
/** What is only requested waits, but not for ever: of so many turns one is its own. */
const TURNS_OF_RUNNING = 4;

/**
 * Limits what each host is asked, apart from every other host (faults.md 22): requests at once, and how many a second.
 * The rate is learnt: a host that answers 429 is left alone for as long as it asks, or with a growing, jittered backoff
 * where it does not say; then it is asked at a lower rate, which good answers raise again.
 */
export class HostLimiter {
  readonly #options: HostLimiterOptions;
  readonly #hosts = new Map<string, HostState>();

  constructor(options: HostLimiterOptions) {
    this.#options = options;
  }

  /**
   * Waits for the turn of a request: those of one priority in the order they come.
   * @param host as `URL.host`
   * @param remainingMs how long the request has, milliseconds
   * @returns to be called when its answer has been read
   * @throws HostBusyError at once when the host asked to wait longer, or when the signal aborts before the turn
   */
  async enter(
    host: string,
    remainingMs: number,
    signal: AbortSignal,
    priority: TurnPriority = 'running',
  ): Promise<() => void> {
    const state = this.#stateOf(host);
    const pauseMs = state.pausedUntil - performance.now();
    if (pauseMs > remainingMs) throw new HostBusyError(host, pauseMs, true);
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        state.waiting[priority].delete(waiter);
        const waitMs = Math.max(state.pausedUntil - performance.now(), 1_000);
        reject(new HostBusyError(host, waitMs, state.rate !== undefined));
      };
      const waiter: Waiter = {
        start: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      state.waiting[priority].add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else this.#startNext(state);
    });
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      state.running -= 1;
      this.#startNext(state);
    };
  }

  /**
   * The host asks to be asked less.
   * @param retryAfterMs what it said, milliseconds; undefined: it did not say
   */
  throttled(host: string, retryAfterMs: number | undefined): void {
    const state = this.#stateOf(host);
    const now = performance.now();
    // Requests that were under way together are refused together: that is one refusal.
    if (now >= state.pausedUntil) {
      state.strikes += 1;
      state.rate = state.rate === undefined ? RATE.first : Math.max(state.rate * SLOWER, RATE.min);
    }
    const { random = Math.random } = this.#options;
    const backoffMs = Math.min(BACKOFF_MS.first * 2 ** (state.strikes - 1), BACKOFF_MS.max) * (0.5 + random());
    // Never before the time that it asked for; a little after, so that many clients do not come back as one.
    const waitMs =
      retryAfterMs === undefined ? backoffMs : retryAfterMs + random() * Math.min(retryAfterMs / 10, 1_000);
    state.pausedUntil = Math.max(state.pausedUntil, now + Math.min(waitMs, MAX_PAUSE_MS));
  }

  /** The host answered. */
  answered(host: string): void {
    const state = this.#hosts.get(host);
    if (state === undefined) return;
    state.strikes = 0;
    if (state.rate === undefined) return;
    state.rate += RATE.step;
    if (state.rate > RATE.unlimited) state.rate = undefined;
  }

  #startNext(state: HostState): void {
    clearTimeout(state.timer);
    for (let next = nextOf(state); next !== undefined; next = nextOf(state)) {
      if (state.running >= this.#options.concurrency) return;
      const now = performance.now();
      const waitMs = Math.max(state.pausedUntil, state.nextStartAt) - now;
      if (waitMs > 0) {
        // Node's timers may fire a fraction of a millisecond early.
        state.timer = setTimeout(() => this.#startNext(state), Math.ceil(waitMs) + 1);
        return;
      }
      state.waiting[next.priority].delete(next.waiter);
      state.turnsAhead = next.priority === 'running' ? state.turnsAhead + 1 : 0;
      state.running += 1;
      state.nextStartAt = state.rate === undefined ? now : now + 1000 / state.rate;
      next.waiter.start();
    }
  }

  #stateOf(host: string): HostState {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    if (this.#hosts.size >= MAX_HOSTS) this.#forgetIdle();
    const state: HostState = {
      running: 0,
      waiting: { running: new Set(), requested: new Set() },
      turnsAhead: 0,
      pausedUntil: 0,
      rate: undefined,
      nextStartAt: 0,
      strikes: 0,
      timer: undefined,
    };
    this.#hosts.set(host, state);
    return state;
  }

  #forgetIdle(): void {
    const now = performance.now();
    for (const [host, state] of this.#hosts)
      if (state.running === 0 && nextOf(state) === undefined && state.pausedUntil <= now) this.#hosts.delete(host);
  }
}

/** Whose turn it is. */
function nextOf({
  waiting,
  turnsAhead,
}: HostState): { readonly waiter: Waiter; readonly priority: TurnPriority } | undefined {
  const [running] = waiting.running;
  const [requested] = waiting.requested;
  if (requested !== undefined && (running === undefined || turnsAhead >= TURNS_OF_RUNNING - 1))
    return { waiter: requested, priority: 'requested' };
  return running === undefined ? undefined : { waiter: running, priority: 'running' };
}
