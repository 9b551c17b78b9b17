import type { FindTrustStore, Statement } from '../notary/index.ts';
import type { PolicySet } from '../verification/index.ts';

/** The trust stores of a statement. */
export interface LoadedStores {
  readonly find: FindTrustStore;
  /** What is wrong with those that the statement names and that are not in force: sentences. */
  readonly missing: readonly string[];
}

/** Where trust comes from: a trust policy file with its stores, or a cluster's objects. */
export interface TrustSource {
  /** For people: a path, or whose objects. */
  readonly origin: string;
  /** What a person must know whatever the verdict. */
  readonly warnings: readonly string[];
  readonly select: PolicySet['select'];
  readonly stores: (statement: Statement, signal: AbortSignal) => Promise<LoadedStores>;
  readonly close: () => Promise<void>;
}
