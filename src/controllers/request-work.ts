import type { ImageSignatureRequest, OwnSignature } from '../api/image-signature-request.ts';
import type { RegistryClient } from '../oci/index.ts';
import type { Signer } from '../signing/signer.ts';
import type { ImageKey, ImageVerifier, VerdictStore } from '../verification/index.ts';
import type { ControllerContext } from './context.ts';
import type { RequestPlan } from './request-plan.ts';

/** How many signatures of its own a request keeps account of, and so how many manifests it may sign at most. */
export const MAX_OWN_SIGNATURES = 256;

export interface RequestedImagesOptions {
  readonly context: ControllerContext;
  readonly verifier: ImageVerifier;
  readonly verdicts: VerdictStore;
  /** What pods asked for an image by. */
  readonly runningReferences: (key: ImageKey) => Iterable<string>;
}

/** One reconcile of one request. */
export interface RequestWork {
  readonly request: ImageSignatureRequest;
  readonly plan: RequestPlan;
  readonly client: RegistryClient;
  readonly signer?: Signer;
  /** Grows with each signature that is made. */
  own: OwnSignature[];
  /** How many platform manifests may still be signed. */
  platformsLeft: number;
  /** The spec changed or a person asked: look at everything now. */
  readonly forced: boolean;
}
