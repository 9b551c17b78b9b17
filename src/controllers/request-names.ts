import { IMAGE_SIGNATURE_REQUESTS } from '../api/group.ts';
import type { ImageSignatureRequest } from '../api/image-signature-request.ts';
import type { ObjectKey } from '../api/object.ts';

/** The sweep's name for a request; no image reference begins with `#`. */
export function sweepUser(key: ObjectKey): string {
  return `#request/${key}`;
}

/** The request that a user of the sweep stands for; undefined for an image. */
export function requestOfSweepUser(user: string): ObjectKey | undefined {
  return user.startsWith('#request/') ? user.slice('#request/'.length) : undefined;
}

/** The object that an event about a request names. */
export function regardingOf(request: ImageSignatureRequest): {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
} {
  return {
    apiVersion: `${IMAGE_SIGNATURE_REQUESTS.group}/${IMAGE_SIGNATURE_REQUESTS.version}`,
    kind: IMAGE_SIGNATURE_REQUESTS.kind,
    namespace: request.metadata.namespace ?? '',
    name: request.metadata.name,
    uid: request.metadata.uid,
  };
}
