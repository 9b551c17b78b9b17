import type { X509Certificate } from 'node:crypto';
import type { Envelope } from '../envelope/envelope.ts';
import type { RevocationContext } from '../revocation/revocation.ts';

/** What the verification of an RFC 3161 countersignature found (notary.md I). */
export type TimestampResult =
  | {
      readonly status: 'valid';
      /** genTime less and plus its accuracy. */
      readonly notBefore: Date;
      readonly notAfter: Date;
      /** From when on the answer no longer stands: the revocation data of the authority runs out. */
      readonly validUntil?: Date;
    }
  | { readonly status: 'invalid'; readonly reason: string }
  | { readonly status: 'unknown'; readonly reason: string; readonly notSupportedYet?: true };

/** The seam for RFC 3161: verifies the token of the envelope against the roots of the named tsa stores. */
export type TimestampVerifier = (
  envelope: Envelope,
  tsaRoots: readonly X509Certificate[],
  context: RevocationContext,
) => Promise<TimestampResult>;

/** Hashes of RFC 3161 message imprints: that of the signature's own algorithm. */
export type TimestampHash = 'sha256' | 'sha384' | 'sha512';

/**
 * Has a signature time-stamped (notary.md I, "When signing"): gets the raw signature bytes, returns the token, DER,
 * already verified. Rejects when there is none to be had: that fails the signing.
 */
export type RequestTimestamp = (
  signature: Uint8Array,
  hash: TimestampHash,
  context: RevocationContext,
) => Promise<Uint8Array>;
