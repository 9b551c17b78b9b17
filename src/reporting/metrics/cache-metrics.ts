import type { MetricSet } from './metric-set.ts';

/** What each cache keeps; the name is the label. A new cache is added here, and told of with `Metrics.cacheLookup`. */
export const CACHES = {
  signature: 'envelopes of signatures',
  list: 'which signatures an image has, where a kept list would do',
  token: "tokens of registries' token services",
  'revocation-answer': 'OCSP answers and CRLs that are fresh',
  'revocation-status': 'answers of AWS Signer that are fresh',
} as const;

export type CacheName = keyof typeof CACHES;

/** The metrics of caches: how often what was looked for was there. */
export class CacheMetrics {
  readonly #lookups;
  readonly #verdictCacheReads;

  constructor(set: MetricSet) {
    const names = Object.entries(CACHES).map(([name, what]) => `${name} (${what})`);
    this.#lookups = set.counter({
      name: 'sealwatch_cache_lookups_total',
      help: 'Lookups in caches',
      labels: {
        cache: { what: names.join(', '), values: names.length },
        result: { what: 'hit, miss', values: 2 },
      },
    });
    this.#verdictCacheReads = set.counter({
      name: 'sealwatch_verdict_cache_reads_total',
      help: 'Looks into the verdict cache on disk',
      labels: {
        result: { what: 'hit, miss, or dropped (cut short, altered, foreign or of another version)', values: 3 },
      },
    });
  }

  verdictCacheRead(result: 'hit' | 'miss' | 'dropped'): void {
    this.#verdictCacheReads.inc({ result });
  }

  cacheLookup(cache: CacheName, isHit: boolean): void {
    this.#lookups.inc({ cache, result: isHit ? 'hit' : 'miss' });
  }
}
