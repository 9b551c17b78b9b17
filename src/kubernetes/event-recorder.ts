import type { Logger } from 'pino';
import type { ResourceType } from '../api/group.ts';
import { NotLeaderError } from '../transport/index.ts';
import { ApiError, hasStatus } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import { pause } from './deadline.ts';
import { type EventInput, eventBody, seriesKey, seriesOf } from './event.ts';

export const EVENTS: ResourceType = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

/** A series is told of at its end, and ends when nothing came for this long (client-go's own window). */
const SERIES_WINDOW_MS = 360_000;
const MAX_SERIES = 4_096;
const MAX_QUEUED = 1_000;
const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 1_000;
const REQUEST_TIMEOUT_MS = 10_000;

export interface EventRecorderOptions {
  readonly client: Pick<KubernetesClient, 'create' | 'patch'>;
  readonly logger: Logger;
  /** Name of this process: its pod's. */
  readonly instance: string;
  readonly now?: () => Date;
  readonly seriesWindowMs?: number;
}

interface Series {
  readonly input: EventInput;
  /** `namespace/name` of the Event, once it was created. */
  eventKey: string | undefined;
  readonly firstObserved: Date;
  count: number;
  toldCount: number;
  lastObserved: Date;
  /** Nothing is counted here any more: what is not told yet is told now, or never. */
  isClosed: boolean;
}

/**
 * Writes Events (events.k8s.io/v1) in the background.
 *
 * The first of its kind is written at once. The same again (regarding, related, type, reason, action and note) within
 * 6 minutes is only counted, and told as a series, one patch, when the 6 minutes are over. Bounded: at most 1,000
 * writes wait, at most 4,096 series are remembered; what is dropped is counted. `record` never throws and never waits.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #now: () => Date;
  readonly #windowMs: number;
  readonly #series = new Map<string, Series>();
  readonly #queue: Series[] = [];
  readonly #stop = new AbortController();
  #sending: Promise<void> | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#windowMs = options.seriesWindowMs ?? SERIES_WINDOW_MS;
  }

  /** Events that were given up: the queue was full, or the API server refused them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Records one occurrence; a note over 1,024 bytes is cut. */
  record(input: EventInput): void {
    if (this.#stop.signal.aborted) {
      return;
    }
    const key = seriesKey(input);
    const now = this.#now();
    const held = this.#series.get(key);
    if (held !== undefined && now.getTime() - held.lastObserved.getTime() < this.#windowMs) {
      held.count += 1;
      held.lastObserved = now;
      return;
    }
    if (held !== undefined) {
      this.#close(key, held);
    }
    const series: Series = {
      input,
      eventKey: undefined,
      firstObserved: now,
      count: 1,
      toldCount: 0,
      lastObserved: now,
      isClosed: false,
    };
    this.#makeRoom();
    this.#series.set(key, series);
    this.#enqueue(series);
    this.#scheduleSweep();
  }

  /** Writes what waits, the counts of open series too, and ends; for shutdown. Gives up after `timeoutMs`. */
  async flush(timeoutMs = 5_000): Promise<void> {
    clearTimeout(this.#sweep);
    for (const [key, series] of this.#series) {
      this.#close(key, series);
    }
    const timer = setTimeout(() => this.#stop.abort(new Error('shutting down')), timeoutMs);
    await this.#sending;
    clearTimeout(timer);
    this.#stop.abort(new Error('shutting down'));
  }

  /** Drops what waits, and ends: another replica tells from here on. */
  async discard(): Promise<void> {
    clearTimeout(this.#sweep);
    this.#series.clear();
    this.#queue.length = 0;
    this.#stop.abort(new NotLeaderError());
    await this.#sending;
  }

  #makeRoom(): void {
    const oldest = this.#series.entries().next();
    if (this.#series.size >= MAX_SERIES && !oldest.done) {
      this.#close(...oldest.value);
    }
  }

  #close(key: string, series: Series): void {
    this.#series.delete(key);
    series.isClosed = true;
    if (series.count > series.toldCount && series.toldCount > 0) {
      this.#enqueue(series);
    }
  }

  #scheduleSweep(): void {
    if (this.#sweep === undefined) {
      this.#sweep = setTimeout(() => this.#sweepSeries(), this.#windowMs);
      this.#sweep.unref();
    }
  }

  /** Tells the counts that changed, and forgets the series in which nothing came for the whole window. */
  #sweepSeries(): void {
    this.#sweep = undefined;
    const now = this.#now().getTime();
    for (const [key, series] of this.#series) {
      if (now - series.lastObserved.getTime() >= this.#windowMs) {
        this.#close(key, series);
      } else if (series.toldCount > 0 && series.count > series.toldCount) {
        this.#enqueue(series);
      }
    }
    if (this.#series.size > 0) {
      this.#scheduleSweep();
    }
  }

  #enqueue(series: Series): void {
    if (this.#queue.length >= MAX_QUEUED) {
      this.#drop(series, 'the queue of events is full');
      return;
    }
    this.#queue.push(series);
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    await Promise.resolve();
    for (let series = this.#queue.shift(); series !== undefined; series = this.#queue.shift()) {
      // Queued twice, and told by the first.
      if (series.toldCount === series.count) continue;
      const isWritten = await this.#write(series);
      // It was closed while its first write was under way, and came again by then.
      if (isWritten && series.isClosed && series.toldCount < series.count) this.#enqueue(series);
    }
    this.#sending = undefined;
  }

  /** @returns false when it was dropped */
  async #write(series: Series): Promise<boolean> {
    for (let attempt = 1; !this.#stop.signal.aborted; attempt += 1) {
      try {
        await this.#writeOnce(series);
        return true;
      } catch (error) {
        if (error instanceof NotLeaderError) return false;
        if (attempt === MAX_ATTEMPTS || !isTransient(error)) {
          this.#drop(series, error instanceof Error ? error.message : String(error));
          return false;
        }
        const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
        await pause(Math.max(asked, RETRY_DELAY_MS * attempt), this.#stop.signal);
      }
    }
    if (!(this.#stop.signal.reason instanceof NotLeaderError)) this.#drop(series, 'shutting down');
    return false;
  }

  async #writeOnce(series: Series): Promise<void> {
    const { client, instance } = this.#options;
    const options = { signal: this.#stop.signal, timeoutMs: REQUEST_TIMEOUT_MS };
    const { count, lastObserved } = series;
    if (series.eventKey !== undefined) {
      const body = { series: seriesOf(count, lastObserved) };
      try {
        await client.patch(EVENTS, series.eventKey, { contentType: 'application/merge-patch+json', body }, options);
        series.toldCount = count;
        return;
      } catch (error) {
        if (!hasStatus(error, 404)) {
          throw error;
        }
        // The API server forgets events after an hour: tell it anew.
      }
    }
    const first = eventBody(series.input, instance, series.firstObserved);
    // It came again before it was written, or the first one is forgotten.
    const body = count === 1 ? first : { ...first, series: seriesOf(count, lastObserved) };
    await client.create(EVENTS, body, options);
    series.eventKey = `${body.metadata.namespace}/${body.metadata.name}`;
    series.toldCount = count;
  }

  #drop(series: Series, reason: string): void {
    this.#dropped += 1;
    const { regarding, reason: eventReason } = series.input;
    const object = regarding.namespace === undefined ? regarding.name : `${regarding.namespace}/${regarding.name}`;
    this.#options.logger.warn({ kind: regarding.kind, object, event: eventReason, reason }, 'event dropped');
  }
}

/** No answer, too many requests, or a fault of the server: worth another try. */
function isTransient(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
}
