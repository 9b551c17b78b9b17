import type { MetricSet } from './metric-set.ts';

const QUEUES = ['image', 'image-signature-request', 'pod', 'report', 'trust-policy', 'trust-store'] as const;
/** Pods, Namespaces, our own three kinds, and those of reports. */
const RESOURCES = 7;
const PHASES = ['Connecting', 'Listing', 'Watching', 'Degraded', 'Waiting'] as const;

/** How full a queue is. */
export interface QueueState {
  readonly queue: string;
  readonly depth: number;
  readonly running: number;
  readonly delayed: number;
}

/** What a watch of one resource, in one namespace or all, is doing and has done. */
export interface WatchReport {
  readonly resource: string;
  readonly phase: string;
  readonly lists: number;
  readonly watches: number;
  readonly events: number;
  readonly garbageLines: number;
}

/** What the work is read from at a scrape. */
export interface ObservedWork {
  readonly queues: () => readonly QueueState[];
  readonly eventsDropped: () => number;
  /** Results of reports that no page had room for. */
  readonly reportResultsOmitted: () => number;
}

/** The metrics of queues, reconciles, watches and events. */
export class WorkMetrics {
  readonly #reconciles;
  readonly #reconcileSeconds;
  readonly #waitSeconds;
  #watches: () => Iterable<WatchReport> = () => [];

  constructor(set: MetricSet, observed: () => ObservedWork | undefined) {
    const queue = { what: QUEUES.join(', '), values: QUEUES.length };
    const depths = (name: string, help: string, read: (state: QueueState) => number): void => {
      set.gauge({ name, help, labels: { queue } }, (gauge) => {
        gauge.reset();
        for (const state of observed()?.queues() ?? []) gauge.set({ queue: state.queue }, read(state));
      });
    };
    depths('sealwatch_queue_depth', 'Keys that are ready and wait for a reconcile', ({ depth }) => depth);
    depths('sealwatch_queue_running', 'Keys that are reconciled now', ({ running }) => running);
    depths('sealwatch_queue_delayed', 'Keys that wait for their time', ({ delayed }) => delayed);
    this.#waitSeconds = set.histogram({
      name: 'sealwatch_queue_wait_seconds',
      help: 'Time from a key being ready to its reconcile',
      labels: { queue },
    });
    this.#reconciles = set.counter({
      name: 'sealwatch_reconcile_total',
      help: 'Reconciles',
      labels: { controller: queue, result: { what: 'success, error', values: 2 } },
    });
    this.#reconcileSeconds = set.histogram({
      name: 'sealwatch_reconcile_duration_seconds',
      help: 'Time of one reconcile',
      labels: { controller: queue },
    });
    const resource = { what: 'the plural', values: RESOURCES };
    set.gauge(
      {
        name: 'sealwatch_watch_state',
        help: 'Watches of a resource that are in a phase: one, or one for each watched namespace',
        labels: { resource, phase: { what: PHASES.join(', '), values: PHASES.length } },
      },
      (gauge) => {
        gauge.reset();
        for (const report of this.#watches()) {
          for (const phase of PHASES) gauge.inc({ resource: report.resource, phase }, phase === report.phase ? 1 : 0);
        }
      },
    );
    const counts = (name: string, help: string, read: (report: WatchReport) => number): void => {
      set.counter({ name, help, labels: { resource } }, (counter) => {
        counter.reset();
        for (const report of this.#watches()) counter.inc({ resource: report.resource }, read(report));
      });
    };
    counts('sealwatch_watch_lists_total', 'Complete lists of a resource', ({ lists }) => lists);
    counts('sealwatch_watch_opened_total', 'Watches that the API server accepted', ({ watches }) => watches);
    counts('sealwatch_watch_events_total', 'Events of watches, bookmarks apart', ({ events }) => events);
    counts(
      'sealwatch_watch_garbage_lines_total',
      'Lines of a watch that were no event: each led to a list',
      ({ garbageLines }) => garbageLines,
    );
    set.counter(
      {
        name: 'sealwatch_events_dropped_total',
        help: 'Kubernetes Events that were given up: too many waited, or the API server refused them',
      },
      (counter) => {
        counter.reset();
        counter.inc(observed()?.eventsDropped() ?? 0);
      },
    );
    set.gauge(
      {
        name: 'sealwatch_report_results_omitted',
        help: 'Results beyond what the reports of a namespace have room for',
      },
      (gauge) => gauge.set(observed()?.reportResultsOmitted() ?? 0),
    );
  }

  /** Where watches are read from. */
  observeWatches(watches: () => Iterable<WatchReport>): void {
    this.#watches = watches;
  }

  /** @param run one run of a key: milliseconds */
  reconciled(
    controller: string,
    result: 'success' | 'error',
    run: { readonly waitedMs: number; readonly durationMs: number },
  ): void {
    this.#reconciles.inc({ controller, result });
    this.#reconcileSeconds.observe({ controller }, run.durationMs / 1_000);
    this.#waitSeconds.observe({ queue: controller }, run.waitedMs / 1_000);
  }
}
