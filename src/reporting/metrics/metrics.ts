import { setImmediate as turn } from 'node:timers/promises';
import { collectDefaultMetrics } from 'prom-client';
import type { ObjectKey } from '../../api/object.ts';
import type { VerdictType } from '../../api/verdict.ts';
import { AlertMetrics } from './alert-metrics.ts';
import { CacheMetrics, type CacheName } from './cache-metrics.ts';
import { type DefinedMetric, MetricSet } from './metric-set.ts';
import { PodMetrics, type PodReport } from './pod-metrics.ts';
import { ProcessMetrics } from './process-metrics.ts';
import { RequestMetrics } from './request-metrics.ts';
import { defineTrustStoreMetrics, type ObservedTrustStores } from './trust-store-metrics.ts';
import { type ObservedVerdicts, VerdictMetrics } from './verdict-metrics.ts';
import { type ObservedWork, type WatchReport, WorkMetrics } from './work-metrics.ts';

/** What is read at the moment of a scrape. */
export type Observed = ObservedVerdicts & ObservedTrustStores & ObservedWork;

type Of<T, M extends keyof T> = T[M] extends (...args: infer A) => void ? A : never;

/** The operator's metrics (Prometheus): callers name no series. Each theme stands in a file of its own. */
export class Metrics {
  readonly #set = new MetricSet();
  #observed: Observed | undefined;
  readonly #pods = new PodMetrics(this.#set);
  readonly #verdicts = new VerdictMetrics(this.#set, () => this.#observed);
  readonly #work = new WorkMetrics(this.#set, () => this.#observed);
  readonly #requests = new RequestMetrics(this.#set);
  readonly #caches = new CacheMetrics(this.#set);
  readonly #alerts = new AlertMetrics(this.#set);
  readonly #process = new ProcessMetrics(this.#set);

  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';

  constructor() {
    defineTrustStoreMetrics(this.#set, () => this.#observed);
    collectDefaultMetrics({ register: this.#set.registry });
  }

  /** Every metric of our own, for docs/metrics.md; those of Node.js and the process are the client's. */
  get defined(): readonly DefinedMetric[] {
    return this.#set.defined;
  }

  /** All metrics in Prometheus' text form. Between two of them others have their turn: some have thousands of series. */
  async text(): Promise<string> {
    this.#process.sample();
    const { registry } = this.#set;
    const texts: string[] = [];
    for (const { name } of registry.getMetricsAsArray()) {
      texts.push(await registry.getSingleMetricAsString(name));
      await turn();
    }
    return `${texts.join('\n\n')}\n`;
  }

  observe(observed: Observed): void {
    this.#observed = observed;
  }

  observeWatches(watches: () => Iterable<WatchReport>): void {
    this.#work.observeWatches(watches);
  }

  /** Whether this replica leads. */
  leads(isLeader: boolean): void {
    this.#process.leads(isLeader);
  }

  /** Tells nothing of verdicts and queues any more: a standby's would be old, and told twice. */
  standby(): void {
    this.#observed = undefined;
    this.#pods.forgetAll();
  }

  setPod(key: ObjectKey, report: PodReport): void {
    this.#pods.setPod(key, report);
  }

  forgetPod(key: ObjectKey): void {
    this.#pods.forgetPod(key);
  }

  verified(verdict: VerdictType, durationMs: number): void {
    this.#verdicts.verified(verdict, durationMs);
  }

  revocationCheck(result: string): void {
    this.#verdicts.revocationCheck(result);
  }

  reconciled(...args: Of<WorkMetrics, 'reconciled'>): void {
    this.#work.reconciled(...args);
  }

  registryRequest(...args: Of<RequestMetrics, 'registryRequest'>): void {
    this.#requests.registryRequest(...args);
  }

  awsRequest(...args: Of<RequestMetrics, 'awsRequest'>): void {
    this.#requests.awsRequest(...args);
  }

  certificateServiceRequest(...args: Of<RequestMetrics, 'certificateServiceRequest'>): void {
    this.#requests.certificateServiceRequest(...args);
  }

  kubernetesRequest(...args: Of<RequestMetrics, 'kubernetesRequest'>): void {
    this.#requests.kubernetesRequest(...args);
  }

  verdictCacheRead(result: 'hit' | 'miss' | 'dropped'): void {
    this.#caches.verdictCacheRead(result);
  }

  observeAlerts(...args: Of<AlertMetrics, 'observe'>): void {
    this.#alerts.observe(...args);
  }

  alertSent(...args: Of<AlertMetrics, 'sent'>): void {
    this.#alerts.sent(...args);
  }

  alertDropped(...args: Of<AlertMetrics, 'dropped'>): void {
    this.#alerts.dropped(...args);
  }

  cacheLookup(cache: CacheName, isHit: boolean): void {
    this.#caches.cacheLookup(cache, isHit);
  }

  spans(outcome: 'ended' | 'exported' | 'failed', count: number): void {
    this.#process.spans(outcome, count);
  }
}
