import { NotaryError } from '../error.ts';
import { type Fetch, FetchError, type FetchRequest } from '../fetch.ts';
import { type Answer, type AnswerStore, type KeptAnswer, outdated } from './answer-store.ts';
import type { Flights } from './flights.ts';
import type { RevocationContext } from './revocation.ts';

/** One check of one chain. */
export interface RevocationRun extends RevocationContext {
  readonly authenticSigningTime?: Date;
  readonly budget: Budget;
}

/** How many addresses one check may still ask: a chain must not make us knock at many doors (notary.md H7). */
export interface Budget {
  left: number;
}

/** Where answers of one kind come from. */
export interface AnswerSource<T extends Answer> {
  readonly fetch: Fetch;
  readonly store: AnswerStore<T>;
  readonly flights: Flights<KeptAnswer<T>>;
  /** Told whether a fresh answer was kept, of each that was asked for. */
  readonly onLookup?: (isHit: boolean) => void;
}

export interface AnswerRequest<T extends Answer> {
  /** What it is about, for the caches: letters, digits and hyphens. */
  readonly key: string;
  /** In order, until one gives an answer that may be used. */
  readonly requests: readonly FetchRequest[];
  /** Reads and verifies. @throws NotaryError when it is not what was asked for */
  readonly read: (bytes: Uint8Array) => T;
  /** Whether a kept answer will do, fresh as it is. */
  readonly isEnough?: (answer: T) => boolean;
}

export type Obtained<T> =
  | (KeptAnswer<T> & { readonly kind: 'answer' })
  | { readonly kind: 'none'; readonly causes: readonly string[] };

/**
 * Obtains an answer: kept and fresh; else asked for anew; else kept and still valid (notary.md H6). A fault of the
 * network, and an answer that is not what was asked for, are causes; the caller's abort rejects.
 */
export async function obtain<T extends Answer>(
  { fetch, store, flights, onLookup }: AnswerSource<T>,
  { key, requests, read, isEnough = () => true }: AnswerRequest<T>,
  { now, signal, budget }: RevocationRun,
): Promise<Obtained<T>> {
  const kept = await store.find(key, now, read);
  const isFresh = kept !== undefined && now < kept.refreshAt && isEnough(kept.answer);
  onLookup?.(isFresh);
  if (isFresh) return { kind: 'answer', ...kept };
  const causes: string[] = [];
  for (const request of requests) {
    if (budget.left <= 0) {
      causes.push('the chain names too many addresses (notary.md H7)');
      break;
    }
    budget.left -= 1;
    try {
      const fetched = await flights.run(`${key} ${request.url}`, now, signal, async (shared) => {
        const { body } = await fetch(request, shared);
        const answer = read(body);
        const problem = outdated(answer, now);
        if (problem !== undefined) throw new NotaryError('InvalidRevocationData', problem);
        return store.put(key, answer, body, now);
      });
      return { kind: 'answer', ...fetched };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof NotaryError) && !(error instanceof FetchError)) throw error;
      // A FetchError names the host itself.
      causes.push(error instanceof FetchError ? error.message : `${new URL(request.url).host}: ${error.message}`);
    }
  }
  if (kept !== undefined) return { kind: 'answer', ...store.postpone(key, kept, now) };
  return { kind: 'none', causes };
}
