import { X509Certificate } from 'node:crypto';
import { Dispatcher } from 'undici';
import { createDispatcher, type DispatcherOptions } from './dispatcher.ts';

interface Entry {
  readonly dispatcher: Dispatcher;
  usedAt: number;
}

const IDLE_MS = 5 * 60_000;
const MAX_DISPATCHERS = 64;
const MAX_CERTIFICATES = 1_000;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Dispatchers by the CAs that they trust: equal CAs share connections. One that nothing has used for a while is
 * closed, once its last request has ended.
 */
export class DispatcherPool {
  readonly #options: Omit<DispatcherOptions, 'ca'>;
  readonly #idleMs: number;
  /** By the text of the CAs, the one used last at the end. */
  readonly #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;

  /** @param idleMs how long one is kept without use, milliseconds; default 5 minutes */
  constructor(options: Omit<DispatcherOptions, 'ca'>, idleMs = IDLE_MS) {
    this.#options = options;
    this.#idleMs = idleMs;
  }

  /** How many there are now. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * What requests go through that trust some CAs beside the system's.
   * @param cas PEM texts for a host, asked for at each request: new CAs hold from the next request on, on connections of
   * their own
   */
  trusting(cas: (hostname: string) => readonly string[]): Dispatcher {
    return new Delegating((hostname) => this.#use(cas(hostname).join('\n')));
  }

  /** Closes all, once their requests have ended. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(({ dispatcher }) => dispatcher.close()));
  }

  #use(ca: string): Dispatcher {
    const entry = this.#entries.get(ca) ?? {
      dispatcher: createDispatcher({ ...this.#options, ...(ca === '' ? {} : { ca }) }),
      usedAt: 0,
    };
    entry.usedAt = performance.now();
    this.#entries.delete(ca);
    this.#entries.set(ca, entry);
    this.#closeUnused();
    return entry.dispatcher;
  }

  #closeUnused(): void {
    const before = performance.now() - this.#idleMs;
    for (const [ca, { dispatcher, usedAt }] of this.#entries) {
      if (usedAt > before && this.#entries.size <= MAX_DISPATCHERS) break;
      this.#entries.delete(ca);
      // It waits for the requests that are under way; those fail or end by themselves.
      dispatcher.close().catch(() => undefined);
    }
    if (this.#entries.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#closeUnused(), this.#idleMs);
      this.#timer.unref();
    }
  }
}

/** Sends each request through the dispatcher that holds now. */
class Delegating extends Dispatcher {
  readonly #current: (hostname: string) => Dispatcher;

  constructor(current: (hostname: string) => Dispatcher) {
    super();
    this.#current = current;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#current(new URL(String(options.origin)).hostname).dispatch(options, handler);
  }
}

/**
 * Checks a bundle of CAs for TLS.
 * @returns the same text
 * @throws RangeError that says what is wrong with it
 */
export function checkCABundle(pem: string): string {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new RangeError('expected PEM certificates; found none');
  if (blocks.length > MAX_CERTIFICATES)
    throw new RangeError(`expected at most ${MAX_CERTIFICATES} certificates; found ${blocks.length}`);
  for (const [i, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch {
      throw new RangeError(`certificate ${i + 1} of ${blocks.length} cannot be read: replace it`);
    }
  }
  return pem;
}
