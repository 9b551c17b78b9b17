export { ApiError, type FaultReason, hasStatus } from './api-error.ts';
export { type BackoffOptions, backoffDelayMs } from './backoff.ts';
export type {
  CallOptions,
  KubernetesList,
  ListOptions,
  PatchOptions,
  Selection,
  WatchOptions,
  WatchStream,
} from './call.ts';
export { KubernetesClient, type KubernetesClientOptions } from './client.ts';
export { cutMessage, removeCondition, setCondition } from './conditions.ts';
export { pause } from './deadline.ts';
export type { QueueClock } from './delayed-keys.ts';
export type { EventInput, ObjectReference } from './event.ts';
export { EventRecorder, type EventRecorderOptions } from './event-recorder.ts';
export { clusterOf, type KubeConfigChoice, loadKubeConfig, ownNamespace } from './kube-config.ts';
export {
  DEFAULT_LEASE_TIMING,
  LeaderElector,
  type LeaderElectorOptions,
  type LeaseTiming,
} from './leader-elector.ts';
export { LEASES, type Lease, type LeaseSpec } from './lease.ts';
export { LeaseFence } from './lease-fence.ts';
export { canonicalJson, jsonEquals } from './merge-patch.ts';
export type { OnChange } from './object-index.ts';
export { type Owner, OwnerResolver } from './owner-resolver.ts';
export { Reflector } from './reflector.ts';
export type {
  ReflectorOptions,
  ReflectorPhase,
  ReflectorState,
  ReflectorStats,
  ReflectorTiming,
} from './reflector-options.ts';
export type { RequestEvent, RequestHook } from './request-hook.ts';
export { isOlderVersion } from './resource-version.ts';
export { StatusWriter } from './status-writer.ts';
export { type ReconcileResult, WorkQueue, type WorkQueueOptions, type WorkResult } from './work-queue.ts';
