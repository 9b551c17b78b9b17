import type { ImageSignatureRequest } from '../api/image-signature-request.ts';
import type { ObjectKey } from '../api/object.ts';
import { type Mirrors, OciError, parseReference, repositoryName } from '../oci/index.ts';
import { type ImageKey, type IsAffected, imageKey, referenceOf } from '../verification/index.ts';
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

/** Whether a change regards an image. */
export function isImageAffected(key: ImageKey, isAffected: IsAffected): boolean {
  return isAffected(repositoryName(referenceOf(key)));
}

/**
 * Whether a change regards a request: one of its images, or the store that its timestamps are anchored in. One that names
 * something unreadable is looked at too.
 * @param stores that changed, `type:name`
 */
export function isRequestAffected(
  { spec }: Pick<ImageSignatureRequest, 'spec'>,
  isAffected: IsAffected,
  stores: ReadonlySet<string>,
): boolean {
  const anchor = spec.sign?.timestamp?.trustStore;
  if (anchor !== undefined && stores.has(`tsa:${anchor}`)) return true;
  return spec.images.some((image) => {
    const repository = repositoryOf(image);
    return repository === undefined || isAffected(repository);
  });
}

function repositoryOf(image: string): string | undefined {
  try {
    return repositoryName(parseReference(image));
  } catch (error) {
    if (error instanceof OciError) return undefined;
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
