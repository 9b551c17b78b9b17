import type { AlertedWorkload, VerdictAlert } from '../alerting/index.ts';
import type { ImageVerdict } from '../api/image-verdict.ts';
import type { ObjectKey } from '../api/object.ts';
import { BAD_VERDICTS, VERDICTS_WORST_FIRST, type VerdictType } from '../api/verdict.ts';
import type { Owner, OwnerResolver } from '../kubernetes/index.ts';
import { toldVerdict, type VerdictedContainer } from '../reporting/index.ts';
import { type ImageKey, imageKey } from '../verification/index.ts';
import type { PodImagesCondition, ProjectedPod, RunningContainer } from '../workloads/index.ts';

/** A workload that runs an image no more may only be between two of its pods: for so long it is waited. */
const GONE_AFTER_MS = 60_000;

export interface WorkloadAlertsOptions {
  readonly send: (alert: VerdictAlert) => void;
  readonly owners: Pick<OwnerResolver, 'topOwner'>;
  readonly pods: ReadonlyMap<ObjectKey, ProjectedPod>;
  readonly podsOf: (image: ImageKey) => readonly ObjectKey[];
  /** Whether every pod that there is was seen: before, one of them may have a condition that tells of an image. */
  readonly isReady: () => boolean;
  readonly goneAfterMs?: number;
}

/** An image that a workload runs, and that is told to be bad. */
interface Trouble {
  readonly id: string;
  readonly about: Pick<VerdictAlert, 'namespace' | 'workload' | 'image' | 'digest'>;
  /** The worst that was told. */
  verdict: VerdictType;
  readonly pods: Set<ObjectKey>;
  timer?: NodeJS.Timeout;
}

/** What an image is told by: its digest, or the text in the pod's spec where it has none. */
interface JudgedImage {
  readonly key: string;
  readonly container: RunningContainer;
  readonly verdict: ImageVerdict;
}

/**
 * Decides which verdicts are worth an alert: that a workload's image turned bad, or worse, and that it ended; once per
 * workload and image, however many pods there are. What pods' conditions said when this replica began to lead was told by
 * whoever led then.
 */
export class WorkloadAlerts {
  readonly #options: WorkloadAlertsOptions;
  readonly #troubles = new Map<string, Trouble>();
  readonly #byPod = new Map<ObjectKey, Set<Trouble>>();
  /** What pods' conditions said before this replica wrote any. */
  readonly #conditions = new Map<ObjectKey, PodImagesCondition>();
  /** Troubles that the conditions before say nothing of any more: they came up, or ended, since. */
  readonly #settled = new Set<string>();
  readonly #before = new Map<ImageKey, VerdictType>();
  #hasBegun = false;

  constructor(options: WorkloadAlertsOptions) {
    this.#options = options;
  }

  /** Told of a pod before anything is written on it. */
  seen(key: ObjectKey, pod: ProjectedPod): void {
    // Later it is our own word, or one that somebody put there to silence us.
    if (!this.#hasBegun && pod.condition?.status === 'False') this.#conditions.set(key, pod.condition);
  }

  /** Told of each change of a verdict. */
  verdictChanged(key: ImageKey, now: ImageVerdict, before: ImageVerdict | undefined): void {
    if (before !== undefined && BAD_VERDICTS.has(now.verdict)) this.#before.set(key, before.verdict);
    else this.#before.delete(key);
  }

  /** Told that nothing runs an image, and nothing asks for it. */
  imageForgotten(key: ImageKey): void {
    this.#before.delete(key);
  }

  /**
   * Told what the containers of a pod are worth, once that was written on the pod.
   * @param owner the top of its owners; need not be there for a pod that nothing was told of
   * @returns false: it is too early to say, and it is to be told again
   */
  async judged(
    key: ObjectKey,
    pod: ProjectedPod,
    containers: readonly VerdictedContainer[],
    owner: Owner | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const images = imagesOf(containers);
    const isNews = images.some(({ verdict }) => BAD_VERDICTS.has(verdict.verdict));
    if (!isNews && !this.#byPod.has(key) && !this.#conditions.has(key)) return true;
    if (!this.#options.isReady()) return false;
    this.#hasBegun = true;
    const { name, namespace, uid } = pod.metadata;
    const workload: AlertedWorkload = owner ?? { apiVersion: 'v1', kind: 'Pod', namespace, name, uid };
    const current = new Set<Trouble>();
    for (const image of images) {
      const id = `${workload.uid} ${image.key}`;
      const isOpen = (): boolean => !this.#troubles.has(id) && !this.#settled.has(id);
      const told = isOpen() ? await this.#knownBefore(image, key, workload, signal) : undefined;
      // Another pod of the workload may have been judged meanwhile.
      const trouble = this.#judge(id, image, { namespace, workload }, isOpen() ? told : undefined);
      if (trouble !== undefined) current.add(trouble);
    }
    this.#runs(key, current);
    return true;
  }

  /** Told that a pod is gone, or runs nothing any more. */
  gone(key: ObjectKey): void {
    this.#conditions.delete(key);
    this.#runs(key, new Set());
  }

  /** Ends the timers; nothing is told any more. */
  stop(): void {
    for (const { timer } of this.#troubles.values()) clearTimeout(timer);
    this.#troubles.clear();
    this.#byPod.clear();
  }

  #judge(
    id: string,
    { key, container, verdict }: JudgedImage,
    where: Pick<VerdictAlert, 'namespace' | 'workload'>,
    known: VerdictType | undefined,
  ): Trouble | undefined {
    const isBad = BAD_VERDICTS.has(verdict.verdict);
    const { image } = container;
    const about = {
      ...where,
      image: container.reference,
      ...(image.kind === 'resolved' ? { digest: image.digest } : {}),
    };
    let trouble = this.#troubles.get(id);
    if (trouble === undefined) {
      if (known === undefined && !isBad) return undefined;
      trouble = { id, about, verdict: known ?? verdict.verdict, pods: new Set() };
      this.#troubles.set(id, trouble);
      if (this.#conditions.size > 0) this.#settled.add(id);
      if (known === undefined) {
        const before = this.#before.get(key);
        this.#tell(about, 'began', before, verdict);
        return trouble;
      }
    }
    if (!isBad) {
      this.#end(trouble, verdict);
      return undefined;
    }
    if (rankOf(verdict.verdict) < rankOf(trouble.verdict)) {
      const before = trouble.verdict;
      trouble.verdict = verdict.verdict;
      this.#tell(about, 'worsened', before, verdict);
    }
    return trouble;
  }

  #end(trouble: Trouble, verdict?: ImageVerdict): void {
    clearTimeout(trouble.timer);
    this.#troubles.delete(trouble.id);
    for (const pod of trouble.pods) this.#byPod.get(pod)?.delete(trouble);
    this.#tell(trouble.about, 'ended', trouble.verdict, verdict);
  }

  #tell(
    about: Trouble['about'],
    state: VerdictAlert['state'],
    before: VerdictType | undefined,
    verdict: ImageVerdict | undefined,
  ): void {
    this.#options.send({
      state,
      ...about,
      ...(verdict === undefined ? {} : { verdict: verdict.verdict }),
      ...(before === undefined ? {} : { before }),
      ...(verdict?.statement === undefined ? {} : { statement: verdict.statement }),
      ...(verdict?.cause === undefined ? {} : { cause: verdict.cause }),
    });
  }

  /** Takes in which troubles a pod has now; one that no pod has any more ends after a while. */
  #runs(key: ObjectKey, current: Set<Trouble>): void {
    for (const trouble of this.#byPod.get(key) ?? []) {
      if (current.has(trouble)) continue;
      trouble.pods.delete(key);
      if (trouble.pods.size > 0) continue;
      clearTimeout(trouble.timer);
      trouble.timer = setTimeout(() => this.#end(trouble), this.#options.goneAfterMs ?? GONE_AFTER_MS);
      trouble.timer.unref();
    }
    for (const trouble of current) {
      clearTimeout(trouble.timer);
      trouble.pods.add(key);
    }
    if (current.size > 0) this.#byPod.set(key, current);
    else this.#byPod.delete(key);
  }

  /** What the conditions before said of an image of a workload: that of this pod, or of another one that runs it. */
  async #knownBefore(
    { key: image, container }: JudgedImage,
    key: ObjectKey,
    workload: AlertedWorkload,
    signal: AbortSignal,
  ): Promise<VerdictType | undefined> {
    if (this.#conditions.size === 0) return undefined;
    const own = this.#conditions.get(key);
    const told = own === undefined ? undefined : toldVerdict(container, own);
    if (told !== undefined) return told;
    const { owners, pods, podsOf } = this.#options;
    for (const other of podsOf(image)) {
      const condition = this.#conditions.get(other);
      const pod = pods.get(other);
      const verdict = condition === undefined ? undefined : toldVerdict(container, condition);
      if (verdict === undefined || pod === undefined || pod.metadata.namespace !== workload.namespace) continue;
      const owner = await owners.topOwner(pod.metadata.ownerReferences ?? [], pod.metadata.namespace, signal);
      if (owner?.uid === workload.uid) return verdict;
    }
    return undefined;
  }
}

/** Each image once, with the first container that runs it. */
function imagesOf(containers: readonly VerdictedContainer[]): readonly JudgedImage[] {
  const images = new Map<string, JudgedImage>();
  for (const { container, verdict } of containers) {
    if (verdict === undefined) continue;
    const { image, reference } = container;
    const key = image.kind === 'resolved' ? imageKey(image.repository, image.digest) : reference;
    if (!images.has(key)) images.set(key, { key, container, verdict });
  }
  return [...images.values()];
}

function rankOf(verdict: VerdictType): number {
  return VERDICTS_WORST_FIRST.indexOf(verdict);
}
