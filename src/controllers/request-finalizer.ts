import { CLEANUP_FINALIZER, IMAGE_SIGNATURE_REQUESTS } from '../api/group.ts';
import type { ImageSignatureRequest } from '../api/image-signature-request.ts';
import { keyOf } from '../api/object.ts';
import { hasStatus, type KubernetesClient } from '../kubernetes/index.ts';

/** Whether deleting a request waits for its clean-up. */
export function hasFinalizer(request: ImageSignatureRequest): boolean {
  return request.metadata.finalizers?.includes(CLEANUP_FINALIZER) === true;
}

/**
 * Adds the clean-up finalizer, or takes it away.
 * @returns false when it is as wanted already; else the watch brings the changed object back. Rejects with ApiError
 */
export async function syncFinalizer(
  request: ImageSignatureRequest,
  wanted: boolean,
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<boolean> {
  if (hasFinalizer(request) === wanted) return false;
  const { uid, resourceVersion, finalizers: before = [] } = request.metadata;
  const finalizers = wanted ? [...before, CLEANUP_FINALIZER] : before.filter((name) => name !== CLEANUP_FINALIZER);
  try {
    await client.patch(
      IMAGE_SIGNATURE_REQUESTS,
      keyOf(request),
      { contentType: 'application/merge-patch+json', body: { metadata: { uid, resourceVersion, finalizers } } },
      { signal },
    );
  } catch (error) {
    // The object is older than the one in the cluster, or gone: the watch brings what there is now.
    if (!hasStatus(error, 409) && !hasStatus(error, 404)) throw error;
  }
  return true;
}
