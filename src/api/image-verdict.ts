import type { Cause, VerdictType } from './verdict.ts';

/** The verdict on one image, as what runs is judged by it. */
export interface ImageVerdict {
  readonly verdict: VerdictType;
  readonly cause?: Cause;
  /** `TrustPolicy/statement`. */
  readonly statement?: string;
  /** While Unknown: what was known before. */
  readonly lastKnown?: { readonly verdict: VerdictType; readonly verifiedAt: Date };
  readonly verifiedAt: Date;
  /** The index whose signature decided: it lists the image, a platform manifest (notary.md A9). */
  readonly coveredBy?: { readonly digest: string };
  /** Expiry of the signature that decided. */
  readonly expiresAt?: Date;
}
