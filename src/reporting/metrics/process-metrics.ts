import { monitorEventLoopDelay } from 'node:perf_hooks';
import { VERSION } from '../../version.ts';
import type { MetricSet } from './metric-set.ts';

/** The histogram notes how long this pause took: what is over is delay. */
const RESOLUTION_MS = 10;

/** The metrics of the process itself: its version, its event loop, the spans that it tells of. */
export class ProcessMetrics {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #delay: Delay = { p99: 0, max: 0, maxSinceStart: 0 };
  readonly #spans;
  readonly #leader;

  constructor(set: MetricSet) {
    set
      .gauge({
        name: 'sealwatch_build_info',
        help: '1, with the version',
        labels: { version: { what: 'of the operator', values: 1 } },
      })
      .set({ version: VERSION }, 1);
    this.#histogram.enable();
    set.gauge(
      {
        name: 'sealwatch_event_loop_delay_p99_seconds',
        help: 'Delay of the event loop since the last scrape, 99th percentile of a sample each 10 ms',
      },
      (gauge) => gauge.set(this.#delay.p99),
    );
    set.gauge(
      { name: 'sealwatch_event_loop_delay_max_seconds', help: 'Longest delay of the event loop since the last scrape' },
      (gauge) => gauge.set(this.#delay.max),
    );
    set.gauge(
      {
        name: 'sealwatch_event_loop_delay_since_start_max_seconds',
        help: 'Longest delay of the event loop since the process started',
      },
      (gauge) => gauge.set(this.#delay.maxSinceStart),
    );
    this.#leader = set.gauge({
      name: 'sealwatch_leader',
      help: '1 for the replica that leads: it alone writes, and tells of verdicts',
    });
    this.#spans = set.counter({
      name: 'sealwatch_trace_spans_total',
      help: 'Spans of traces, with --tracing: what ended and was neither exported nor failed waits, or was dropped',
      labels: { outcome: { what: 'ended, exported, failed', values: 3 } },
    });
  }

  /** Reads the delay of the event loop, once for each scrape: what was longest since the one before is forgotten then. */
  sample(): void {
    const max = secondsOf(this.#histogram.max);
    this.#delay = {
      p99: secondsOf(this.#histogram.percentile(99)),
      max,
      maxSinceStart: Math.max(this.#delay.maxSinceStart, max),
    };
    this.#histogram.reset();
  }

  leads(isLeader: boolean): void {
    this.#leader.set(isLeader ? 1 : 0);
  }

  spans(outcome: 'ended' | 'exported' | 'failed', count: number): void {
    this.#spans.inc({ outcome }, count);
  }
}

/** Seconds. */
interface Delay {
  readonly p99: number;
  readonly max: number;
  readonly maxSinceStart: number;
}

function secondsOf(nanoseconds: number): number {
  return Math.max(nanoseconds / 1e9 - RESOLUTION_MS / 1e3, 0);
}
