import { NotLeaderError, type WriteFence, type WritePass } from '../transport/index.ts';

interface Term {
  readonly ended: AbortController;
  /** By the monotonic clock, milliseconds. */
  validUntil: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Lets writes through only while the lease is surely ours (faults.md 17, 18). Time is CLOCK_MONOTONIC, which counts on
 * while the process is stopped and knows nothing of a stepped wall clock (faults.md 19). What is under way when the
 * time is over is aborted; a timer does that, and the check of each pass does not depend on it. A term that is over
 * never comes back: the next one begins with passes of its own.
 */
export class LeaseFence implements WriteFence {
  readonly #now: () => number;
  #term: Term | undefined;

  /** @param now monotonic, milliseconds; as performance.now() */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get isOpen(): boolean {
    return this.#term !== undefined && this.#now() < this.#term.validUntil;
  }

  /** Begins a term. @returns aborts with NotLeaderError when it ends */
  begin(validUntil: number): AbortSignal {
    this.end();
    const term: Term = { ended: new AbortController(), validUntil, timer: undefined };
    this.#term = term;
    this.#arm(term);
    return term.ended.signal;
  }

  /** Makes the term last longer. @returns false when it is over, whatever the lease says now */
  extend(validUntil: number): boolean {
    const term = this.#term;
    if (term === undefined || this.#now() >= term.validUntil) {
      this.end();
      return false;
    }
    term.validUntil = Math.max(term.validUntil, validUntil);
    this.#arm(term);
    return true;
  }

  /** Ends the term, if there is one, and aborts its writes. */
  end(): void {
    const term = this.#term;
    this.#term = undefined;
    clearTimeout(term?.timer);
    term?.ended.abort(new NotLeaderError());
  }

  enter(): WritePass {
    const term = this.#term;
    const check = (): void => {
      if (term === undefined || term !== this.#term || this.#now() >= term.validUntil) throw new NotLeaderError();
    };
    check();
    // Checked: there is a term.
    return { signal: (term as Term).ended.signal, check };
  }

  #arm(term: Term): void {
    clearTimeout(term.timer);
    term.timer = setTimeout(
      () => {
        if (term !== this.#term) return;
        // A timer of Node may be early by a fraction of a millisecond.
        if (this.#now() >= term.validUntil) this.end();
        else this.#arm(term);
      },
      Math.max(term.validUntil - this.#now(), 0),
    );
  }
}
