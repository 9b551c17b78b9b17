import { PODS } from '../../api/group.ts';
import type { KubernetesObject } from '../../api/object.ts';
import { imageKey, referenceOf, shortDigest } from '../../verification/index.ts';
import { containersOf, type PodImagesCondition, projectPod, type RunningContainer } from '../../workloads/index.ts';
import { answered, type Cluster, listAll } from '../cluster-client.ts';

/** A pod that runs something, or will. */
export interface RunningPod {
  readonly namespace: string;
  readonly name: string;
  /** `Deployment/web`, or `Pod/web-0` for one that nothing controls. */
  readonly workload: string;
  readonly containers: readonly RunningContainer[];
  /** What the operator has told of it. */
  readonly condition?: PodImagesCondition;
}

/** An image that runs, with all that run it. */
export interface RunningImage {
  /** `registry/repository@digest`. */
  readonly key: string;
  readonly repository: string;
  readonly digest: string;
  /** What pods ask for it by: an index behind one of these may cover it (notary.md A9). */
  readonly references: readonly string[];
  /** `namespace/Deployment/web`, sorted. */
  readonly workloads: readonly string[];
}

const TEMPLATE_HASH = 'pod-template-hash';

/** Lists the pods that run something. @throws UndeterminedError when the cluster does not answer or refuses */
export async function runningPods(
  { client }: Cluster,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly RunningPod[]> {
  const pods = await answered(listAll(client, PODS, signal, { namespace }));
  return pods.map(viewOf).filter(({ containers }) => containers.length > 0);
}

/** What is told of one pod. */
export function viewOf(object: KubernetesObject): RunningPod {
  const pod = projectPod(object);
  return {
    namespace: pod.metadata.namespace,
    name: pod.metadata.name,
    workload: workloadOf(object),
    containers: containersOf(pod),
    ...(pod.condition === undefined ? {} : { condition: pod.condition }),
  };
}

/**
 * What controls a pod. A ReplicaSet of a Deployment is named after it and the pods' template: that way no ReplicaSet need
 * be read.
 */
function workloadOf({ metadata }: KubernetesObject): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return `Pod/${metadata.name}`;
  const suffix = `-${metadata.labels?.[TEMPLATE_HASH] ?? ''}`;
  if (owner.kind === 'ReplicaSet' && suffix.length > 1 && owner.name.endsWith(suffix))
    return `Deployment/${owner.name.slice(0, -suffix.length)}`;
  return `${owner.kind}/${owner.name}`;
}

/** The distinct images of pods, by name. Containers whose image is not known by digest are left out. */
export function imagesOf(pods: readonly RunningPod[]): readonly RunningImage[] {
  const images = new Map<string, { references: Set<string>; workloads: Set<string> }>();
  for (const { namespace, workload, containers } of pods) {
    for (const { image, reference } of containers) {
      if (image.kind !== 'resolved') continue;
      const key = imageKey(image.repository, image.digest);
      const held = images.get(key) ?? { references: new Set(), workloads: new Set() };
      held.references.add(reference);
      held.workloads.add(`${namespace}/${workload}`);
      images.set(key, held);
    }
  }
  return [...images]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { references, workloads }]) => ({
      key,
      repository: key.slice(0, key.lastIndexOf('@')),
      digest: referenceOf(key).digest,
      references: [...references],
      workloads: [...workloads].toSorted(),
    }));
}

/** How many containers run, or will, what cannot be named by digest: of these nothing can be said. */
export function unnamedContainers(pods: readonly RunningPod[]): number {
  return pods.flatMap(({ containers }) => containers).filter(({ image }) => image.kind !== 'resolved').length;
}

/** An image for a table: `registry/repository@sha256:0123456789ab`. */
export function shortImage({ repository, digest }: Pick<RunningImage, 'repository' | 'digest'>): string {
  return `${repository}@${shortDigest(digest)}`;
}

/** Workloads for a table: the first few, and how many more. */
export function shortWorkloads(workloads: readonly string[]): string {
  const shown = workloads.slice(0, 3).join(', ');
  return workloads.length > 3 ? `${shown} and ${workloads.length - 3} more` : shown;
}
