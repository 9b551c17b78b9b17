import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ImageVerdict } from '../api/image-verdict.ts';
import type { ObjectKey, ObjectMeta } from '../api/object.ts';
import { BAD_VERDICTS, VERDICTS_WORST_FIRST, type VerdictType } from '../api/verdict.ts';
import { VERSION } from '../version.ts';
import { defineLongestStall } from './event-loop.ts';
import type { VerdictedContainer } from './verdict-text.ts';
import { defineWatchCounters, type WatchCounts } from './watch-metrics.ts';

/** Series of flagged containers at most; what is over is counted, so that alerts still see that there is more. */
const MAX_FLAGGED = 5_000;
const MAX_EXPIRIES = 5_000;
const MAX_REGISTRIES = 100;

export interface PodReport {
  readonly pod: ObjectMeta;
  readonly containers: readonly VerdictedContainer[];
  readonly owner?: { readonly kind: string; readonly name: string };
}

/** What is read at the moment of a scrape. */
export interface Observed {
  readonly queueDepths: () => readonly { readonly queue: string; readonly depth: number }[];
  readonly sweepLagMs: () => number;
  /** Events given up since the start. */
  readonly eventsDropped: () => number;
  readonly verdicts: () => Iterable<readonly [string, ImageVerdict]>;
}

/** The operator's metrics (Prometheus), each in one place: callers name no series. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #pods = new Map<ObjectKey, PodReport>();
  readonly #registries = new Set<string>();
  #observed: Observed | undefined;

  readonly #verifications = this.#counter('sealwatch_verifications_total', 'Verifications of images, by verdict', [
    'verdict',
  ]);
  readonly #verificationSeconds = this.#histogram(
    'sealwatch_verification_duration_seconds',
    'Time to verify one image',
    [],
  );
  readonly #registryRequests = this.#counter('sealwatch_registry_requests_total', 'Requests to registries', [
    'registry',
    'operation',
    'outcome',
  ]);
  readonly #awsRequests = this.#counter('sealwatch_aws_requests_total', 'Calls to AWS, each with its retries', [
    'service',
    'operation',
    'outcome',
  ]);
  readonly #revocationChecks = this.#counter('sealwatch_revocation_checks_total', 'Revocation checks, by result', [
    'result',
  ]);
  readonly #kubernetesRequests = this.#counter(
    'sealwatch_kubernetes_requests_total',
    'Requests to the Kubernetes API',
    ['operation', 'resource', 'code'],
  );
  readonly #reconciles = this.#counter('sealwatch_reconcile_total', 'Reconciles, by controller and result', [
    'controller',
    'result',
  ]);
  readonly #reconcileSeconds = this.#histogram('sealwatch_reconcile_duration_seconds', 'Time of one reconcile', [
    'controller',
  ]);
  readonly #watchStates = new Gauge({
    name: 'sealwatch_watch_state',
    help: '1 for the phase that the watch of a resource is in',
    labelNames: ['resource', 'phase'],
    registers: [this.#registry],
  });
  readonly #leader = new Gauge({
    name: 'sealwatch_leader',
    help: '1 for the replica that leads: it alone writes, and tells of verdicts',
    registers: [this.#registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    const registers = [this.#registry];
    defineLongestStall(registers);
    new Gauge({ name: 'sealwatch_build_info', help: 'Version', labelNames: ['version'], registers }).set(
      { version: VERSION },
      1,
    );
    definePodGauges(registers, () => this.#pods.values());
    const observed = (): Observed | undefined => this.#observed;
    new Gauge({
      name: 'sealwatch_queue_depth',
      help: 'Keys that wait for a reconcile',
      labelNames: ['queue'],
      registers,
      collect() {
        this.reset();
        for (const { queue, depth } of observed()?.queueDepths() ?? []) this.set({ queue }, depth);
      },
    });
    new Counter({
      name: 'sealwatch_events_dropped_total',
      help: 'Events given up: too many waited, or the API server did not take them',
      registers,
      collect() {
        this.reset();
        this.inc(observed()?.eventsDropped() ?? 0);
      },
    });
    new Gauge({
      name: 'sealwatch_revocation_sweep_lag_seconds',
      help: 'How late the most overdue revocation check is',
      registers,
      collect() {
        this.set((observed()?.sweepLagMs() ?? 0) / 1_000);
      },
    });
    new Gauge({
      name: 'sealwatch_image_signature_expiry_timestamp_seconds',
      help: 'When the signature that decided the verdict on an image expires',
      labelNames: ['image', 'digest'],
      registers,
      collect() {
        this.reset();
        let left = MAX_EXPIRIES;
        for (const [key, { expiresAt }] of observed()?.verdicts() ?? []) {
          if (expiresAt === undefined || left <= 0) continue;
          left -= 1;
          const at = key.lastIndexOf('@');
          this.set({ image: key.slice(0, at), digest: key.slice(at + 1) }, expiresAt.getTime() / 1_000);
        }
      },
    });
    new Gauge({
      name: 'sealwatch_oldest_verdict_age_seconds',
      help: 'Age of the oldest verdict',
      registers,
      collect() {
        let oldest = Date.now();
        for (const [, { verifiedAt }] of observed()?.verdicts() ?? []) oldest = Math.min(oldest, verifiedAt.getTime());
        this.set((Date.now() - oldest) / 1_000);
      },
    });
  }

  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';

  /** All metrics in Prometheus' text form. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Called once, with what reads the counts of every watch. */
  observeWatches(counts: () => Iterable<WatchCounts>): void {
    defineWatchCounters(this.#registry, counts);
  }

  observe(observed: Observed): void {
    this.#observed = observed;
  }

  /** Whether this replica leads. */
  leads(isLeader: boolean): void {
    this.#leader.set(isLeader ? 1 : 0);
  }

  /** Tells nothing of verdicts and queues any more: a standby's would be old, and told twice. */
  standby(): void {
    this.#observed = undefined;
    this.#pods.clear();
  }

  setPod(key: ObjectKey, report: PodReport): void {
    this.#pods.set(key, report);
  }

  forgetPod(key: ObjectKey): void {
    this.#pods.delete(key);
  }

  verified(verdict: VerdictType, durationMs: number): void {
    this.#verifications.inc({ verdict });
    this.#verificationSeconds.observe(durationMs / 1_000);
  }

  registryRequest(registry: string, operation: string, outcome: string): void {
    if (this.#registries.size < MAX_REGISTRIES) this.#registries.add(registry);
    const known = this.#registries.has(registry) ? registry : 'other';
    this.#registryRequests.inc({ registry: known, operation, outcome: boundedOutcome(outcome) });
  }

  awsRequest(service: string, operation: string, outcome: string): void {
    this.#awsRequests.inc({ service, operation, outcome });
  }

  revocationCheck(result: string): void {
    this.#revocationChecks.inc({ result });
  }

  kubernetesRequest(request: { readonly operation: string; readonly resource: string; readonly status: number }): void {
    this.#kubernetesRequests.inc({
      operation: request.operation,
      resource: request.resource,
      code: String(request.status),
    });
  }

  reconciled(controller: string, result: 'success' | 'error', durationMs: number): void {
    this.#reconciles.inc({ controller, result });
    this.#reconcileSeconds.observe({ controller }, durationMs / 1_000);
  }

  watchState(resource: string, phase: string): void {
    for (const each of ['Connecting', 'Listing', 'Watching', 'Degraded', 'Waiting']) {
      this.#watchStates.set({ resource, phase: each }, each === phase ? 1 : 0);
    }
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram<L extends string>(name: string, help: string, labelNames: L[]): Histogram<L> {
    const buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];
    return new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] });
  }
}

/** The gauges of what runs. Each reads the pods by itself: the order in which they are collected does not count. */
function definePodGauges(registers: Registry[], pods: () => Iterable<PodReport>): void {
  new Gauge({
    name: 'sealwatch_running_containers',
    help: `Running containers by verdict: ${VERDICTS_WORST_FIRST.join(', ')}, or Pending`,
    labelNames: ['namespace', 'verdict'] as const,
    registers,
    collect() {
      this.reset();
      for (const { pod, containers } of pods()) {
        const namespace = pod.namespace ?? '';
        for (const { verdict } of containers) this.inc({ namespace, verdict: verdict?.verdict ?? 'Pending' });
      }
    },
  });
  new Gauge({
    name: 'sealwatch_flagged_container_info',
    help: `1 for each running container whose image is not trusted, at most ${MAX_FLAGGED}`,
    labelNames: ['namespace', 'pod', 'container', 'workload_kind', 'workload', 'image', 'verdict', 'reason'] as const,
    registers,
    collect() {
      this.reset();
      let left = MAX_FLAGGED;
      for (const { pod, owner, container, verdict } of flaggedContainers(pods())) {
        if (left <= 0) break;
        left -= 1;
        this.set(
          {
            namespace: pod.namespace ?? '',
            pod: pod.name,
            container: container.name,
            workload_kind: owner?.kind ?? 'Pod',
            workload: owner?.name ?? pod.name,
            image: container.reference,
            verdict: verdict.verdict,
            reason: verdict.cause?.reason ?? '',
          },
          1,
        );
      }
    },
  });
  new Gauge({
    name: 'sealwatch_flagged_containers_omitted',
    help: 'Flagged containers beyond the bound of sealwatch_flagged_container_info',
    registers,
    collect() {
      let flagged = 0;
      for (const _ of flaggedContainers(pods())) flagged += 1;
      this.set(Math.max(0, flagged - MAX_FLAGGED));
    },
  });
}

type FlaggedContainer = Pick<PodReport, 'pod' | 'owner'> & Required<VerdictedContainer>;

function* flaggedContainers(pods: Iterable<PodReport>): Iterable<FlaggedContainer> {
  for (const { pod, owner, containers } of pods) {
    for (const { container, verdict } of containers) {
      if (verdict === undefined || !BAD_VERDICTS.has(verdict.verdict)) continue;
      yield { pod, container, verdict, ...(owner === undefined ? {} : { owner }) };
    }
  }
}

/** Statuses that registries give a meaning; a host may send any of 900, and every series stays for ever. */
const TOLD_STATUSES: ReadonlySet<string> = new Set(
  '200 201 202 204 206 301 302 303 307 308 400 401 403 404 405 406 408 413 415 416 429 500 502 503 504'.split(' '),
);

function boundedOutcome(outcome: string): string {
  return /^\d/.test(outcome) && !TOLD_STATUSES.has(outcome) ? 'other status' : outcome;
}
