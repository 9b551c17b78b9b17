import type { KubernetesObject } from '../api/object.ts';
import { LineTooLongError, splitLines } from './lines.ts';
import type { ReflectorOptions, ReflectorTiming } from './reflector-options.ts';
import { parseWatchEvent, type WatchEvent } from './watch-event.ts';

/** The largest object is 3 MiB of JSON by the API server's own bounds. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;

/** How a watch ended: in order, cut off, with an unreadable line, or with a version that needs a new list. */
export type WatchEnd =
  | { readonly type: 'ended' }
  | { readonly type: 'broken'; readonly reason: string }
  | { readonly type: 'garbage' }
  | { readonly type: 'stale'; readonly reason: string; readonly retryAfterMs?: number };

export interface WatchRun<T extends KubernetesObject> {
  readonly options: ReflectorOptions<T>;
  readonly timing: ReflectorTiming;
  readonly resourceVersion: string;
  readonly expectsBookmarks: () => boolean;
  /** Asks the server whether it has the last version that was seen. */
  readonly isStillKnown: () => Promise<boolean>;
  readonly onOpen: () => void;
  /** `older`: the event is older than what was seen before, which a server never sends of one and the same state. */
  readonly onEvent: (event: Exclude<WatchEvent, { type: 'ERROR' }>) => 'taken' | 'older';
  readonly signal: AbortSignal;
}

/** Runs one watch to its end. Throws ApiError where the server did not accept it; what comes after is a WatchEnd. */
export async function runWatch<T extends KubernetesObject>(run: WatchRun<T>): Promise<WatchEnd> {
  const { client, type, namespace, fieldSelector, labelSelector, random = Math.random } = run.options;
  const lifetimeMs = run.timing.watchMs * (1 + random() / 2);
  const stream = await client.watch(
    type,
    {
      namespace,
      fieldSelector,
      labelSelector,
      resourceVersion: run.resourceVersion,
      timeoutSeconds: Math.ceil(lifetimeMs / 1000),
    },
    run.signal,
  );
  run.onOpen();
  let closedFor: WatchEnd | undefined;
  const close = (end: WatchEnd) => {
    closedFor ??= end;
    stream.close();
  };
  const timers = new WatchTimers(run, stream.liveness, lifetimeMs, close);
  try {
    for await (const line of splitLines(timers.observe(stream.body), MAX_LINE_BYTES)) {
      const event = parseWatchEvent(line);
      if (event === undefined) {
        return { type: 'garbage' };
      }
      if (event.type === 'ERROR') {
        return staleBy(event.status);
      }
      if (run.onEvent(event) === 'older') {
        return { type: 'stale', reason: 'the API server sent an older event than was seen before' };
      }
    }
    return closedFor ?? { type: 'ended' };
  } catch (error) {
    if (error instanceof LineTooLongError) {
      return { type: 'garbage' };
    }
    return closedFor ?? { type: 'broken', reason: error instanceof Error ? error.message : String(error) };
  } finally {
    timers.clear();
    stream.close();
  }
}

/** Any ERROR event needs a new list: 410 says so, and after any other a resume would meet the same error again. */
function staleBy(status: { code?: number; message?: string; details?: { retryAfterSeconds?: number } }): WatchEnd {
  const seconds = status.details?.retryAfterSeconds;
  const reason = `the API server ended the watch: ${status.code ?? ''} ${status.message ?? 'without a reason'}`;
  return { type: 'stale', reason, ...(typeof seconds === 'number' ? { retryAfterMs: seconds * 1000 } : {}) };
}

/** The three ways in which a watch is found dead although its connection stands. */
class WatchTimers<T extends KubernetesObject> {
  readonly #run: WatchRun<T>;
  readonly #close: (end: WatchEnd) => void;
  readonly #lifetime: NodeJS.Timeout;
  readonly #silence: NodeJS.Timeout | undefined;
  readonly #bookmark: NodeJS.Timeout;
  #cleared = false;

  constructor(run: WatchRun<T>, liveness: 'ping' | 'silence', lifetimeMs: number, close: (end: WatchEnd) => void) {
    this.#run = run;
    this.#close = close;
    const { silenceMs, bookmarkMs, graceMs } = run.timing;
    const overdue: WatchEnd = { type: 'broken', reason: 'the API server did not end the watch in time' };
    this.#lifetime = setTimeout(() => close(overdue), lifetimeMs + graceMs);
    if (liveness === 'silence') {
      this.#silence = setTimeout(() => close({ type: 'broken', reason: `silent for ${silenceMs} ms` }), silenceMs);
    }
    this.#bookmark = setTimeout(() => void this.#checkState(), bookmarkMs);
  }

  /** Passes the bytes on; any of them shows a live peer. */
  async *observe(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#silence?.refresh();
      this.#bookmark.refresh();
      yield chunk;
    }
  }

  clear(): void {
    this.#cleared = true;
    clearTimeout(this.#lifetime);
    clearTimeout(this.#silence);
    clearTimeout(this.#bookmark);
  }

  /** A server restored to an older state sends neither events nor bookmarks until it has caught up (faults.md 14). */
  async #checkState(): Promise<void> {
    if (!this.#run.expectsBookmarks()) {
      this.#bookmark.refresh();
      return;
    }
    try {
      const known = await this.#run.isStillKnown();
      // A cleared timer that is refreshed would start again.
      if (this.#cleared) {
        return;
      }
      if (known) {
        this.#bookmark.refresh();
      } else {
        this.#close({ type: 'stale', reason: 'the API server has an older state than was seen before' });
      }
    } catch (error) {
      const reason = `no bookmark came, and the API server cannot be asked: ${error instanceof Error ? error.message : error}`;
      this.#close({ type: 'broken', reason });
    }
  }
}
