import type { X509Certificate } from 'node:crypto';
import type { Envelope } from '../envelope/envelope.ts';

/** What the verification of an RFC 3161 countersignature found (notary.md I). */
export type TimestampResult =
  | { readonly status: 'valid'; readonly notBefore: Date; readonly notAfter: Date }
  | { readonly status: 'invalid'; readonly reason: string }
  | { readonly status: 'unknown'; readonly reason: string; readonly notSupportedYet?: true };

/** The seam for RFC 3161: verifies the token of the envelope against the roots of the named tsa stores. */
export type TimestampVerifier = (
  envelope: Envelope,
  tsaRoots: readonly X509Certificate[],
  signal: AbortSignal,
) => Promise<TimestampResult>;
