export type OutageKind = 'reset' | '503' | 'hang';

/** What happens to a request before anyone looks at it. */
export type Fault = { readonly kind: 'none' | 'throttle' | OutageKind; readonly delayMs: number };

interface Rule {
  /** Undefined: every operation. */
  readonly operation: string | undefined;
}

/** Throttling, outages and delays on demand; each for one operation, or for all. */
export class Faults {
  #throttled: (Rule & { remaining: number })[] = [];
  #outages: (Rule & { readonly kind: OutageKind })[] = [];
  #delays: (Rule & { readonly ms: number })[] = [];
  readonly #waiting = new Set<() => void>();

  /** The next `count` requests are answered with the service's throttling error. */
  throttle(count: number, operation?: string): void {
    this.#throttled.push({ operation, remaining: count });
  }

  /** From now on: connections are reset, or answered 503, or left without an answer. */
  down(kind: OutageKind = 'reset', operation?: string): void {
    this.#outages.push({ operation, kind });
  }

  /** Every answer comes this much later. */
  delay(ms: number, operation?: string): void {
    this.#delays.push({ operation, ms });
  }

  /** Ends every fault; requests that hang are dropped. */
  up(): void {
    this.#throttled = [];
    this.#outages = [];
    this.#delays = [];
    for (const release of this.#waiting) release();
    this.#waiting.clear();
  }

  /** The fault that this request meets; counts it. */
  next(operation: string): Fault {
    const applies = (rule: Rule): boolean => rule.operation === undefined || rule.operation === operation;
    const delayMs = this.#delays.find(applies)?.ms ?? 0;
    const outage = this.#outages.find(applies);
    if (outage !== undefined) return { kind: outage.kind, delayMs };
    const throttled = this.#throttled.find((rule) => applies(rule) && rule.remaining > 0);
    if (throttled === undefined) return { kind: 'none', delayMs };
    throttled.remaining -= 1;
    return { kind: 'throttle', delayMs };
  }

  /** Resolves at the next `up`. */
  untilUp(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }
}
