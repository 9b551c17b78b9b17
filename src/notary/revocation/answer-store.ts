import { NotaryError } from '../error.ts';

/** A clock of an authority may be ahead of ours by this much. */
const MAX_AHEAD_MS = 5 * 60_000;
/** After a failure, and after an answer that settles nothing, nobody is asked again before this has passed. */
export const RETRY_MS = 5_000;
/** What an entry takes beside its bytes, about. */
const OVERHEAD_BYTES = 1024;

/** What an authority signed about certificates: a CRL, an OCSP answer. */
export interface Answer {
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly byteLength: number;
  /** It settles nothing, so that it is asked for again soon. */
  readonly provisional?: boolean;
}

/** An answer that is kept, and when it is asked for again. */
export interface KeptAnswer<T> {
  readonly answer: T;
  readonly refreshAt: Date;
}

/**
 * Where answers outlive the process (notary.md H6). Nothing read from it is trusted: signatures are verified again.
 * Neither function rejects: what cannot be kept is fetched again.
 */
export interface RevocationCache {
  /** @param key letters, digits and hyphens */
  readonly read: (key: string) => Promise<{ readonly bytes: Uint8Array; readonly fetchedAt: Date } | undefined>;
  readonly write: (key: string, bytes: Uint8Array, fetchedAt: Date) => Promise<void>;
}

export interface AnswerStoreOptions {
  readonly maxBytes: number;
  /** How old an answer becomes before it is asked for again, milliseconds; it may be used until nextUpdate. */
  readonly refreshMs: number;
  readonly cache?: RevocationCache;
}

/** Whether an answer may be used: RFC 5280 §6.3.3, RFC 6960 §4.2.2.1. @returns a sentence when not */
export function outdated({ thisUpdate, nextUpdate }: Answer, now: Date): string | undefined {
  if (now >= nextUpdate) return `it is stale: its nextUpdate was ${nextUpdate.toISOString()}`;
  if (thisUpdate.getTime() > now.getTime() + MAX_AHEAD_MS) {
    return `its thisUpdate ${thisUpdate.toISOString()} is still to come`;
  }
  return undefined;
}

/** Keeps verified answers until their nextUpdate, the least recently used go first (notary.md H6). */
export class AnswerStore<T extends Answer> {
  readonly #options: AnswerStoreOptions;
  readonly #kept = new Map<string, KeptAnswer<T>>();
  #bytes = 0;

  constructor(options: AnswerStoreOptions) {
    this.#options = options;
  }

  /** What is kept and may be used now. @param read verifies what comes from outside of this process */
  async find(key: string, now: Date, read: (bytes: Uint8Array) => T): Promise<KeptAnswer<T> | undefined> {
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#remove(key);
      if (outdated(kept.answer, now) !== undefined) return undefined;
      this.#add(key, kept);
      return kept;
    }
    const stored = await this.#options.cache?.read(key);
    if (stored === undefined) return undefined;
    try {
      const answer = read(stored.bytes);
      if (outdated(answer, now) !== undefined) return undefined;
      // A time that is still to come would put off the next question for ever.
      const fetchedAt = stored.fetchedAt > now ? new Date(0) : stored.fetchedAt;
      return this.#keep(key, answer, fetchedAt);
    } catch (error) {
      if (error instanceof NotaryError) return undefined;
      throw error;
    }
  }

  /** Keeps a new answer, unless a later one is there: an old answer cannot take a revocation back. */
  async put(key: string, answer: T, bytes: Uint8Array, now: Date): Promise<KeptAnswer<T>> {
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.answer.thisUpdate > answer.thisUpdate && outdated(kept.answer, now) === undefined) {
      return this.#keep(key, kept.answer, now);
    }
    const added = this.#keep(key, answer, now);
    await this.#options.cache?.write(key, bytes, now);
    return added;
  }

  /** Puts off the next question after one that got no answer. */
  postpone(key: string, kept: KeptAnswer<T>, now: Date): KeptAnswer<T> {
    const later = { ...kept, refreshAt: new Date(now.getTime() + Math.min(RETRY_MS * 12, this.#options.refreshMs)) };
    if (this.#kept.has(key)) {
      this.#remove(key);
      this.#add(key, later);
    }
    return later;
  }

  #keep(key: string, answer: T, fetchedAt: Date): KeptAnswer<T> {
    const refreshMs = answer.provisional === true ? RETRY_MS : this.#options.refreshMs;
    const kept = { answer, refreshAt: new Date(fetchedAt.getTime() + refreshMs) };
    this.#remove(key);
    this.#add(key, kept);
    return kept;
  }

  #add(key: string, kept: KeptAnswer<T>): void {
    const size = sizeOf(kept);
    if (size > this.#options.maxBytes) return;
    this.#kept.set(key, kept);
    this.#bytes += size;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#options.maxBytes) return;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= sizeOf(kept);
  }
}

function sizeOf({ answer }: KeptAnswer<Answer>): number {
  return answer.byteLength + OVERHEAD_BYTES;
}
