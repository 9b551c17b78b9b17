import { PODS } from '../api/group.ts';
import type { ImageVerdict } from '../api/image-verdict.ts';
import type { ObjectKey } from '../api/object.ts';
import { BAD_VERDICTS } from '../api/verdict.ts';
import { ApiError, type Owner, type OwnerResolver } from '../kubernetes/index.ts';
import type { Metrics } from '../reporting/index.ts';
import { flagEvent, podCondition, recoveryEvent, type VerdictedContainer } from '../reporting/index.ts';
import { imageKey, type VerdictStore } from '../verification/index.ts';
import type { PodImagesCondition, ProjectedPod, RunningContainer, WorkloadIndex } from '../workloads/index.ts';
import type { ControllerContext, ReconcileResult } from './context.ts';

export interface PodControllerOptions {
  readonly context: ControllerContext;
  readonly pods: ReadonlyMap<ObjectKey, ProjectedPod>;
  readonly workloads: WorkloadIndex;
  readonly verdicts: VerdictStore;
  readonly owners: OwnerResolver;
  readonly metrics: Metrics;
}

/** Tells each pod, and the workload it belongs to, what its images are worth (design.md, "Running workloads"). */
export class PodController {
  readonly #options: PodControllerOptions;
  /** What was last told of a pod, by uid: an event is not told twice while the watch is behind our own write. */
  readonly #told = new Map<string, string>();
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
    if (decision.kind === 'none') return {};
    const told = this.#told.get(pod.metadata.uid) ?? textOf(pod.condition);
    this.#uids.set(key, pod.metadata.uid);
    this.#told.set(pod.metadata.uid, textOf(decision.condition));
    if (told !== textOf(decision.condition)) this.#tell(pod, containers, owner);
    await this.#write(key, pod, decision.condition, signal);
    return {};
  }

  #judge(container: RunningContainer): VerdictedContainer {
    const verdict = this.#verdictOf(container);
    return verdict === undefined ? { container } : { container, verdict };
  }

  #verdictOf(container: RunningContainer): ImageVerdict | undefined {
    switch (container.image.kind) {
      case 'resolved':
        return this.#options.verdicts.get(imageKey(container.image.repository, container.image.digest));
      case 'unverifiable':
        return {
          verdict: 'Unknown',
          cause: { reason: 'ImageIDUnverifiable', message: container.image.reason },
          verifiedAt: this.#options.context.clock(),
        };
      case 'pending':
        return undefined;
    }
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
      await this.#options.context.client.patch(
        PODS,
        key,
        { subresource: 'status', contentType: 'application/strategic-merge-patch+json', body },
        { signal },
      );
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
    const uid = this.#uids.get(key);
    if (uid !== undefined) this.#told.delete(uid);
    this.#uids.delete(key);
  }
}

/** What a person reads of a condition: a change of it is news. */
function textOf(condition: PodImagesCondition | undefined): string {
  return condition === undefined || condition.status === 'True' ? '' : `${condition.reason}: ${condition.message}`;
}
