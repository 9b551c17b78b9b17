import { PODS } from '../api/group.ts';
import type { KubernetesObject, ObjectKey } from '../api/object.ts';
import { BAD_VERDICTS } from '../api/verdict.ts';
import { ApiError, isOlderVersion, type Owner, type OwnerResolver } from '../kubernetes/index.ts';
import type { Metrics } from '../reporting/index.ts';
import { flagEvent, podCondition, recoveryEvent, type VerdictedContainer } from '../reporting/index.ts';
import type { VerdictStore } from '../verification/index.ts';
import type { PodImagesCondition, ProjectedPod, RunningContainer, WorkloadIndex } from '../workloads/index.ts';
import { containerVerdict } from './container-verdict.ts';
import type { ControllerContext, ReconcileResult } from './context.ts';
import type { WorkloadAlerts } from './workload-alerts.ts';

/** Until all pods are listed, at the start. */
const ALERT_AGAIN_MS = 1_000;

export interface PodControllerOptions {
  readonly context: ControllerContext;
  readonly pods: ReadonlyMap<ObjectKey, ProjectedPod>;
  readonly workloads: WorkloadIndex;
  readonly verdicts: VerdictStore;
  readonly owners: OwnerResolver;
  readonly metrics: Metrics;
  /** Absent: nobody is told outside the cluster. */
  readonly alerts?: WorkloadAlerts;
}

/** A condition that was written is told by the watch within this time, or written again. */
const ON_ITS_WAY_MS = 30_000;

interface Written {
  readonly text: string;
  readonly resourceVersion: string;
  /** By performance.now(). */
  readonly at: number;
}

/** Tells each pod, and the workload it belongs to, what its images are worth (design.md, "Running workloads"). */
export class PodController {
  readonly #options: PodControllerOptions;
  /** What was last told of a pod, by uid: an event is not told twice while the watch is behind our own write. */
  readonly #told = new Map<string, string>();
  /** By uid: a condition that was written, and the version of the pod that has it. */
  readonly #written = new Map<string, Written>();
  readonly #uids = new Map<ObjectKey, string>();

  constructor(options: PodControllerOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const pod = this.#options.pods.get(key);
    if (pod === undefined) {
      this.#forget(key);
      return {};
    }
    const containers = this.#options.workloads.containersOfPod(key).map((container) => this.#judge(container));
    // Only what is flagged, or was, names its owner: a healthy pod costs no request.
    const isFlagged = containers.some(({ verdict }) => verdict !== undefined && BAD_VERDICTS.has(verdict.verdict));
    const owner =
      !isFlagged && pod.condition === undefined
        ? undefined
        : await this.#options.owners.topOwner(pod.metadata.ownerReferences ?? [], pod.metadata.namespace, signal);
    this.#options.metrics.setPod(key, { pod: pod.metadata, containers, ...(owner === undefined ? {} : { owner }) });

    const decision = podCondition(
      containers,
      { readinessGate: pod.readinessGate },
      this.#options.context.clock(),
      pod.condition,
    );
    if (decision.kind === 'set') {
      const told = this.#told.get(pod.metadata.uid) ?? textOf(pod.condition);
      this.#isNow(key, pod.metadata.uid);
      this.#told.set(pod.metadata.uid, textOf(decision.condition));
      if (told !== textOf(decision.condition)) this.#tell(pod, containers, owner);
      if (!this.#isOnItsWay(pod, decision.condition)) await this.#write(key, pod, decision.condition, signal);
    }
    // Only what stands on the pod is told outside: whoever leads next reads it there, and tells nothing twice.
    const isAlerted = await this.#options.alerts?.judged(key, pod, containers, owner, signal);
    if (isAlerted === false) return { requeueAfterMs: ALERT_AGAIN_MS };
    return decision.kind === 'set' && this.#isOnItsWay(pod, decision.condition)
      ? { requeueAfterMs: ON_ITS_WAY_MS }
      : {};
  }

  /** Whether the pod has the condition already, and the watch has not told it yet. */
  #isOnItsWay({ metadata }: ProjectedPod, condition: PodImagesCondition): boolean {
    const written = this.#written.get(metadata.uid);
    // Not for ever: an etcd that was restored is at an older version, without our write (faults.md 14).
    const isRecent = written !== undefined && performance.now() - written.at < ON_ITS_WAY_MS;
    return (
      isRecent &&
      written.text === textOf(condition) &&
      isOlderVersion(metadata.resourceVersion, written.resourceVersion)
    );
  }

  #judge(container: RunningContainer): VerdictedContainer {
    const verdict = containerVerdict(container, this.#options.verdicts, this.#options.context.clock);
    return verdict === undefined ? { container } : { container, verdict };
  }

  #tell(pod: ProjectedPod, containers: readonly VerdictedContainer[], owner: Owner | undefined): void {
    const { events } = this.#options.context;
    const { name, namespace = '', uid } = pod.metadata;
    const regarding = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid };
    const bad = containers.filter(({ verdict }) => verdict !== undefined && BAD_VERDICTS.has(verdict.verdict));
    const notes = bad.length === 0 ? [recoveryEvent(containers)] : bad.map((container) => flagEvent(container));
    for (const note of notes) {
      events.record({ regarding, ...note });
      if (owner !== undefined) events.record({ regarding: owner, ...note });
    }
  }

  async #write(key: ObjectKey, pod: ProjectedPod, condition: PodImagesCondition, signal: AbortSignal): Promise<void> {
    const body = {
      // Another pod may have taken the name: then the API server refuses the patch (faults.md 11).
      metadata: { uid: pod.metadata.uid },
      status: { conditions: [condition] },
    };
    try {
      const { metadata } = await this.#options.context.client.patch<KubernetesObject>(
        PODS,
        key,
        { subresource: 'status', contentType: 'application/strategic-merge-patch+json', body },
        { signal },
      );
      this.#written.set(pod.metadata.uid, {
        text: textOf(condition),
        resourceVersion: metadata.resourceVersion,
        at: performance.now(),
      });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404 || error.status === 409) return;
      if (error.status !== 403) throw error;
      this.#options.context.logger.warn(
        { resource: PODS.plural, object: key },
        'pods/status may not be patched: the pod condition is left out; events and metrics go on',
      );
    }
  }

  #forget(key: ObjectKey): void {
    this.#options.metrics.forgetPod(key);
    this.#options.alerts?.gone(key);
    this.#isNow(key, undefined);
  }

  /** Another pod may have taken a name with no word of the first one's end (faults.md 11). */
  #isNow(key: ObjectKey, uid: string | undefined): void {
    const before = this.#uids.get(key);
    if (before !== undefined && before !== uid) {
      this.#told.delete(before);
      this.#written.delete(before);
    }
    if (uid === undefined) this.#uids.delete(key);
    else this.#uids.set(key, uid);
  }
}

/** What a person reads of a condition: a change of it is news. */
function textOf(condition: PodImagesCondition | undefined): string {
  return condition === undefined || condition.status === 'True' ? '' : `${condition.reason}: ${condition.message}`;
}
