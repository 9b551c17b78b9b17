import {
  IMAGE_SIGNATURE_REQUESTS,
  NAMESPACES,
  PODS,
  type ResourceType,
  TRUST_POLICIES,
  TRUST_STORES,
} from '../api/group.ts';
import type { ImageSignatureRequest } from '../api/image-signature-request.ts';
import type { KubernetesObject, ObjectKey } from '../api/object.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import type { TrustStore } from '../api/trust-store.ts';
import type { Config } from '../config.ts';
import type { OnChange, Reflector, WorkQueue } from '../kubernetes/index.ts';
import { type HeldReport, OPEN_REPORTS, POLICY_REPORTS, projectReport, REPORT_LABELS } from '../reporting/index.ts';
import { type ProjectedPod, projectPod } from '../workloads/index.ts';
import { pickMetadata, withoutManagedFields } from './projections.ts';

/** Objects of one resource, whether it is watched in all namespaces or in several. */
export type Objects<T> = ReadonlyMap<ObjectKey, T>;

/** What is watched of a resource, and who is told. */
export interface WatchOptions<T> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly isOptional?: true;
  readonly project: (raw: KubernetesObject) => T;
  readonly onChange: OnChange<T>;
}

/** Starts a reflector. */
export type Watch = <T extends KubernetesObject>(type: ResourceType, options: WatchOptions<T>) => Reflector<T>;

/** What is told in one turn of the loop when someone begins to listen: 10,000 pods at once would be a stall. */
const TOLD_AT_ONCE = 500;

/**
 * Objects of one resource that are watched for as long as the process runs, on a standby too: its index is warm. Who
 * leads is told of changes, and of what there is already when it begins to listen.
 */
export class WatchedObjects<T extends KubernetesObject> {
  readonly store: Objects<T>;
  readonly reflectors: readonly Reflector<T>[];
  #listener: OnChange<T> | undefined;

  /** @param names of the namespaces to watch; empty: all */
  constructor(watch: Watch, type: ResourceType, project: (raw: KubernetesObject) => T, names: readonly string[] = []) {
    const joined = names.length < 2 ? undefined : new Map<ObjectKey, T>();
    const onChange: OnChange<T> = (key, old, now) => {
      if (now === undefined) joined?.delete(key);
      else joined?.set(key, now);
      this.#listener?.(key, old, now);
    };
    const namespaces = names.length === 0 ? [{}] : names.map((namespace) => ({ namespace }));
    this.reflectors = namespaces.map((namespace) => watch<T>(type, { ...namespace, project, onChange }));
    this.store = joined ?? this.reflectors[0]?.store ?? new Map<ObjectKey, T>();
  }

  /**
   * Tells one listener of every object that there is, as added, and of each change from now on.
   * @param signal ends it
   * @returns resolves when all there was is told
   */
  async listen(listener: OnChange<T>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#listener = listener;
    signal.addEventListener(
      'abort',
      () => {
        if (this.#listener === listener) this.#listener = undefined;
      },
      { once: true },
    );
    let told = 0;
    // A map's iterator sees what is put and deleted meanwhile; who is told twice of an object reads the same index.
    for (const [key, now] of this.store) {
      if (told > 0 && told % TOLD_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) return;
      told += 1;
      listener(key, undefined, now);
    }
  }
}

/** Reports of one of the APIs. */
export interface WatchedReports {
  readonly type: ResourceType;
  readonly objects: WatchedObjects<HeldReport>;
}

/** Everything that the operator watches. */
export interface WatchedResources {
  readonly stores: WatchedObjects<TrustStore>;
  readonly policies: WatchedObjects<TrustPolicy>;
  readonly requests: WatchedObjects<ImageSignatureRequest>;
  readonly namespaces: WatchedObjects<KubernetesObject>;
  readonly pods: WatchedObjects<ProjectedPod>;
  /** Empty: none are wanted. */
  readonly reports: readonly WatchedReports[];
}

/**
 * Begins to watch.
 * @param names namespaces of pods, requests and reports; empty: all
 * @param reports the plurals of those to write
 */
export function watchResources(
  watch: Watch,
  names: readonly string[],
  reports: Config['reports'] = [],
): WatchedResources {
  const labelSelector = Object.entries(REPORT_LABELS)
    .map(([label, value]) => `${label}=${value}`)
    .join();
  const watchOwn: Watch = (type, options) => watch(type, { ...options, labelSelector, isOptional: true });
  return {
    stores: new WatchedObjects(watch, TRUST_STORES, (raw) => withoutManagedFields(raw) as TrustStore),
    policies: new WatchedObjects(watch, TRUST_POLICIES, (raw) => withoutManagedFields(raw) as TrustPolicy),
    requests: new WatchedObjects(
      watch,
      IMAGE_SIGNATURE_REQUESTS,
      (raw) => withoutManagedFields(raw) as ImageSignatureRequest,
      names,
    ),
    namespaces: new WatchedObjects<KubernetesObject>(watch, NAMESPACES, ({ metadata }) => ({
      metadata: pickMetadata(metadata),
    })),
    pods: new WatchedObjects(watch, PODS, projectPod, names),
    reports: [POLICY_REPORTS, OPEN_REPORTS]
      .filter(({ plural }) => reports.some((wanted) => wanted === plural))
      .map((type) => ({ type, objects: new WatchedObjects(watchOwn, type, projectReport, names) })),
  };
}

/** Makes every object's key ready. */
export function queueAll(objects: ReadonlyMap<ObjectKey, unknown>, queue: WorkQueue): void {
  for (const key of objects.keys()) queue.add(key);
}
