import type { ObjectKey } from '../api/object.ts';
import { type Mirrors, OciError, parseReference, repositoryName } from '../oci/index.ts';
import { type ImageKey, imageKey, referenceOf } from '../verification/index.ts';
import type { WorkloadIndex } from '../workloads/index.ts';

/** Whether an image is asked for at another place than before. */
export function isMovedBy(key: ImageKey, before: Mirrors, now: Mirrors): boolean {
  const reference = referenceOf(key);
  return repositoryName(before.locate(reference)) !== repositoryName(now.locate(reference));
}

/** The host that a name of an image names; empty when it names none that can be read. */
export function registryOf(image: string | undefined): string {
  try {
    return image === undefined ? '' : parseReference(image).registry;
  } catch (error) {
    if (error instanceof OciError) return '';
    throw error;
  }
}

/** The images that a pod's containers run, as far as they are known. */
export function imagesOfPod(key: ObjectKey, workloads: WorkloadIndex): readonly ImageKey[] {
  return workloads
    .containersOfPod(key)
    .flatMap(({ image }) => (image.kind === 'resolved' ? [imageKey(image.repository, image.digest)] : []));
}

/** The same for each of the pods. */
export function* imagesByPod(
  pods: ReadonlyMap<ObjectKey, unknown>,
  workloads: WorkloadIndex,
): Iterable<readonly ImageKey[]> {
  for (const key of pods.keys()) yield imagesOfPod(key, workloads);
}
