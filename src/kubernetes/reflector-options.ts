import type { Logger } from 'pino';
import type { ResourceType } from '../api/group.ts';
import type { KubernetesObject } from '../api/object.ts';
import type { KubernetesClient } from './client.ts';
import type { OnChange } from './object-index.ts';

/**
 * `Connecting`: between two connections. `Listing`, `Watching`: as they say. `Degraded`: refused or unreachable, tried
 * again with backoff. `Waiting`: the API server does not serve the resource (yet). In the last two, what is held is
 * the last that was known.
 */
export type ReflectorPhase = 'Connecting' | 'Listing' | 'Watching' | 'Degraded' | 'Waiting';

export interface ReflectorState {
  readonly phase: ReflectorPhase;
  /** Why, and what to do; present when Degraded or Waiting. */
  readonly message?: string;
  readonly since: Date;
}

/** Counted since the start, for metrics. */
export interface ReflectorStats {
  /** Complete lists. */
  readonly lists: number;
  /** Watches that the server accepted. */
  readonly watches: number;
  readonly events: number;
  readonly garbageLines: number;
}

export interface ReflectorTiming {
  /** For each page of a list (faults.md 7). */
  readonly listTimeoutMs: number;
  /** From one attempt to the next, whatever happens (faults.md 8). */
  readonly minIntervalMs: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** While the resource is not served (faults.md 15). */
  readonly notServedDelayMs: number;
  /** The server ends a watch after this long; a random part of half as much again is added. */
  readonly watchMs: number;
  /** What the server may be late by in ending a watch. */
  readonly graceMs: number;
  /** Where no ping is possible: longest silence that is believed. */
  readonly silenceMs: number;
  /** Where the server sends bookmarks (each minute): longest time without one before its state is doubted. */
  readonly bookmarkMs: number;
  /** A watch that lived this long ends a row of failures. */
  readonly steadyMs: number;
}

export const DEFAULT_TIMING: ReflectorTiming = {
  listTimeoutMs: 60_000,
  minIntervalMs: 1_000,
  baseDelayMs: 1_000,
  maxDelayMs: 30_000,
  notServedDelayMs: 5_000,
  watchMs: 360_000,
  graceMs: 30_000,
  silenceMs: 40_000,
  bookmarkMs: 150_000,
  steadyMs: 60_000,
};

/** Of what a cluster need not serve. */
export const OPTIONAL_TIMING: Partial<ReflectorTiming> = { notServedDelayMs: 30_000 };

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly client: KubernetesClient;
  readonly type: ResourceType;
  /** All namespaces where absent. */
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** What not every cluster serves: that it does not is no fault, and is looked at again each half minute. */
  readonly isOptional?: true;
  /** Keeps what is needed of an object, at least metadata's name, namespace, uid and resourceVersion. */
  readonly project: (raw: KubernetesObject) => T;
  readonly onChange: OnChange<T>;
  readonly onState?: (state: ReflectorState) => void;
  readonly logger: Logger;
  /** Objects a page; 250 by default. */
  readonly pageSize?: number;
  readonly timing?: Partial<ReflectorTiming>;
  readonly random?: () => number;
}
