import type { ConditionReason } from '../api/conditions.ts';
import type { ImageSignatureRequest, ImageStatus, OwnSignature } from '../api/image-signature-request.ts';

/** A fault or refusal that concerns the whole request or one image. */
export interface Problem {
  readonly reason: ConditionReason;
  readonly message: string;
  /** No retry mends it: the spec or the environment must change. */
  readonly terminal: boolean;
}

/** What one reconcile found of one image. */
export interface ImageResult {
  readonly status: ImageStatus;
  /** Absent: the request does not sign. */
  readonly signed?: boolean;
  readonly problem?: Problem;
  /** When the image must be looked at again for a reason of its own (expiry, renewal). */
  readonly dueAt?: Date;
}

/** All that one reconcile found: what its status is made of. */
export interface RequestResult {
  readonly request: ImageSignatureRequest;
  readonly images: readonly ImageResult[];
  readonly own: readonly OwnSignature[];
  readonly signs: boolean;
  /** A problem of the whole request: no image was looked at. */
  readonly problem?: Problem;
  readonly lastHandledReconcileAt?: string;
  readonly lastHandledSignAnewAt?: string;
  readonly now: Date;
}
