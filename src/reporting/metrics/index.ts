export type { CacheName } from './cache-metrics.ts';
export type { DefinedMetric } from './metric-set.ts';
export { Metrics, type Observed } from './metrics.ts';
export type { PodReport } from './pod-metrics.ts';
