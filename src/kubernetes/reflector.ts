import type { Logger } from 'pino';
import type { KubernetesObject, ObjectKey } from '../api/object.ts';
import { ApiError, hasStatus } from './api-error.ts';
import { backoffDelayMs } from './backoff.ts';
import { pause } from './deadline.ts';
import { ObjectIndex } from './object-index.ts';
import { listAll } from './reflector-list.ts';
import {
  DEFAULT_TIMING,
  OPTIONAL_TIMING,
  type ReflectorOptions,
  type ReflectorState,
  type ReflectorStats,
  type ReflectorTiming,
} from './reflector-options.ts';
import { runWatch, type WatchEnd } from './reflector-watch.ts';
import { isOlderVersion } from './resource-version.ts';

/**
 * Keeps an index of one resource like the API server's, for as long as it runs, whatever happens (faults.md 1-9,
 * 11, 13-16).
 *
 * It lists by pages and then watches from the list's version, with bookmarks. A watch that ends is resumed from the
 * last version seen, without a list; only a version that the server no longer has, or has not yet (an etcd restored
 * to an older state), and an unreadable stream lead to a new list. What a complete list lacks is deleted; a list that
 * broke off changes nothing. Attempts are at least a second apart and back off with jitter.
 *
 * Silent peers: on HTTP/2, the connection is pinged (see Http2Connection) and dead within 30 s, so a quiet watch
 * costs nothing and lives for 6 to 9 minutes. Through a hop that speaks HTTP/1.1 alone no such probe exists, and a
 * watch that was silent for 40 s is resumed anew: still without a list, but more often than once in 5 minutes in a
 * quiet cluster. A hop that answers pings itself while what is behind it is dead is noticed when bookmarks, or at
 * last the server's own end of the watch, fail to come.
 */
export class Reflector<T extends KubernetesObject> {
  /** Resolves with the first complete list; rejects when stopped before. */
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions<T>;
  readonly #timing: ReflectorTiming;
  readonly #logger: Logger;
  readonly #index: ObjectIndex<T>;
  readonly #synced = Promise.withResolvers<void>();
  readonly #stats = { lists: 0, watches: 0, events: 0, garbageLines: 0 };
  #state: ReflectorState = { phase: 'Connecting', since: new Date() };
  #hasSynced = false;
  /** Undefined: a list is needed. */
  #resourceVersion: string | undefined;
  /** Attempts in a row that failed, and lists in a row that the watch after them did not bear out. */
  #failures = 0;
  #relists = 0;
  /** The server was away: it may have come back with an older state (faults.md 14). */
  #stateDoubted = false;
  #sendsBookmarks = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...(options.isOptional === true ? OPTIONAL_TIMING : {}), ...options.timing };
    this.#logger = options.logger.child({ resource: options.type.plural });
    this.#index = new ObjectIndex(options.project, options.onChange, (key, error) => {
      this.#logger.error({ err: error, object: key }, 'an object could not be handled; the others go on');
    });
    this.synced = this.#synced.promise;
    this.synced.catch(() => {});
  }

  get store(): ReadonlyMap<ObjectKey, T> {
    return this.#index.objects;
  }

  get state(): ReflectorState {
    return this.#state;
  }

  get stats(): ReflectorStats {
    return this.#stats;
  }

  /** True from the first complete list on. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Runs until the signal aborts; then every request it made has ended. Never rejects. */
  async start(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = performance.now();
      const delayMs = await this.#attempt(signal);
      const sinceStartMs = performance.now() - startedAt;
      await pause(Math.max(delayMs, this.#timing.minIntervalMs - sinceStartMs), signal);
    }
    this.#synced.reject(new Error(`stopped before ${this.#options.type.plural} were listed`));
  }

  /** Lists if needed, then watches until the watch ends; gives the delay before the next attempt. */
  async #attempt(signal: AbortSignal): Promise<number> {
    try {
      if (this.#resourceVersion === undefined) {
        await this.#list(signal);
      } else if (this.#stateDoubted && !(await this.#knowsOurVersion(signal))) {
        return this.#relist('the API server has an older state than was seen before');
      }
      this.#stateDoubted = false;
      return await this.#watch(signal);
    } catch (error) {
      return signal.aborted ? 0 : this.#failed(error);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    this.#enter('Listing');
    const { objects, resourceVersion } = await listAll(this.#options, this.#timing.listTimeoutMs, this.#index, signal);
    await this.#index.replace(objects);
    this.#resourceVersion = resourceVersion;
    this.#stats.lists += 1;
    if (!this.#hasSynced) {
      this.#hasSynced = true;
      this.#synced.resolve();
    }
  }

  async #watch(signal: AbortSignal): Promise<number> {
    const startedAt = performance.now();
    let received = 0;
    const end: WatchEnd = await runWatch({
      options: this.#options,
      timing: this.#timing,
      resourceVersion: this.#resourceVersion ?? '',
      expectsBookmarks: () => this.#sendsBookmarks,
      isStillKnown: () => this.#knowsOurVersion(signal),
      onOpen: () => {
        this.#stats.watches += 1;
        this.#enter('Watching');
      },
      onEvent: (event) => {
        received += 1;
        const version = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;
        if (isOlderVersion(version, this.#resourceVersion)) {
          return 'older';
        }
        this.#resourceVersion = version;
        this.#failures = 0;
        if (event.type === 'BOOKMARK') {
          this.#sendsBookmarks = true;
          return 'taken';
        }
        this.#stats.events += 1;
        if (event.type === 'DELETED') {
          this.#index.remove(event.object);
        } else {
          this.#index.put(event.object);
        }
        return 'taken';
      },
      signal,
    });
    if (signal.aborted) {
      return 0;
    }
    const livedMs = performance.now() - startedAt;
    if (livedMs >= this.#timing.steadyMs) {
      this.#failures = 0;
      this.#relists = 0;
    }
    // A server that accepts watches and ends them at once, without a word, is not well.
    const isFailure = received === 0 && livedMs < this.#timing.minIntervalMs;
    switch (end.type) {
      case 'ended':
        return isFailure ? this.#backoff() : 0;
      case 'broken':
        this.#enter('Connecting');
        this.#logger.info({ reason: end.reason }, 'watch broken off; resuming');
        return isFailure ? this.#backoff() : 0;
      case 'garbage':
        this.#stats.garbageLines += 1;
        return this.#relist('the watch stream held a line that is no event');
      case 'stale':
        return Math.max(this.#relist(end.reason), end.retryAfterMs ?? 0);
      default:
        return end satisfies never;
    }
  }

  /** Asks for one object at least as new as what was seen; false where the server is not that far. */
  async #knowsOurVersion(signal: AbortSignal): Promise<boolean> {
    const { client, type, namespace } = this.#options;
    try {
      await client.list(type, {
        namespace,
        limit: 1,
        resourceVersion: this.#resourceVersion,
        resourceVersionMatch: 'NotOlderThan',
        signal,
      });
      return true;
    } catch (error) {
      if (error instanceof ApiError && (error.status === 410 || error.causes.includes('ResourceVersionTooLarge'))) {
        return false;
      }
      throw error;
    }
  }

  #relist(reason: string): number {
    this.#logger.warn({ reason }, 'listing anew');
    this.#resourceVersion = undefined;
    this.#enter('Connecting');
    this.#relists += 1;
    return this.#relists === 1 ? 0 : backoffDelayMs(this.#relists - 1, this.#bounds());
  }

  #failed(error: unknown): number {
    const message = error instanceof Error ? error.message : String(error);
    if (hasStatus(error, 410)) {
      return this.#relist(message);
    }
    const { type } = this.#options;
    if (hasStatus(error, 404)) {
      const name = type.group === '' ? type.plural : `${type.plural}.${type.group}`;
      const advice = 'install its CustomResourceDefinition; it starts by itself then';
      this.#enter('Waiting', `the API server does not serve ${name} ${type.version}: ${advice}`);
      this.#resourceVersion = undefined;
      return this.#timing.notServedDelayMs * (0.75 + (this.#options.random ?? Math.random)() / 2);
    }
    const fault = error instanceof ApiError ? error : undefined;
    if (fault === undefined || fault.status === 0 || fault.status >= 500) {
      this.#stateDoubted = true;
    }
    this.#enter('Degraded', message);
    return Math.max(this.#backoff(), fault?.retryAfterMs ?? 0);
  }

  #backoff(): number {
    this.#failures += 1;
    return backoffDelayMs(this.#failures, this.#bounds());
  }

  #bounds() {
    const { baseDelayMs, maxDelayMs } = this.#timing;
    return { baseDelayMs, maxDelayMs, random: this.#options.random ?? Math.random };
  }

  #enter(phase: ReflectorState['phase'], message?: string): void {
    const before = this.#state;
    // An attempt to recover is no recovery: what is wrong stays told until a watch stands again.
    const unhealthy = before.phase === 'Degraded' || before.phase === 'Waiting';
    if ((unhealthy && (phase === 'Listing' || phase === 'Connecting')) || isSame(before, phase, message)) {
      return;
    }
    this.#state = { phase, since: new Date(), ...(message === undefined ? {} : { message }) };
    if (phase === 'Waiting' && this.#options.isOptional === true) {
      this.#logger.info({ phase, message }, 'not served; the watch begins once it is');
    } else if (message !== undefined) {
      this.#logger.warn({ phase, message }, 'watch impaired');
    } else if (unhealthy) {
      this.#logger.info({ phase }, 'watch recovered');
    }
    this.#options.onState?.(this.#state);
  }
}

function isSame(state: ReflectorState, phase: ReflectorState['phase'], message: string | undefined): boolean {
  return state.phase === phase && state.message === message;
}
