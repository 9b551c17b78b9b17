import type { X509Certificate } from 'node:crypto';
import type { Envelope } from '../envelope/envelope.ts';
import type { RevocationContext } from '../revocation/revocation.ts';

/** The time that a timestamp shows: genTime less and plus its accuracy. */
export interface TimestampRange {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What the verification of an RFC 3161 countersignature found (notary.md I). */
export type TimestampResult =
  | (TimestampRange & {
      readonly status: 'valid';
      /** From when on the answer no longer stands: the revocation data of the authority runs out. */
      readonly validUntil?: Date;
    })
  | {
      readonly status: 'invalid';
      /** One sentence for a person, with the rule. */
      readonly reason: string;
      /** Nothing is wrong with the token itself: other roots might trust its authority. */
      readonly dependsOnRoots?: true;
      /** When time alone may change this: a genTime ahead of the clock comes near, a hold ends. */
      readonly validUntil?: Date;
    }
  | {
      /** All is well, but the revocation of the authority could not be determined. */
      readonly status: 'unknown';
      readonly reason: string;
      /** What the timestamp shows if nothing is revoked. */
      readonly range?: TimestampRange;
    };

/** The seam for RFC 3161: verifies the token of the envelope against the roots of the named tsa stores. */
export type TimestampVerifier = (
  envelope: Pick<Envelope, 'timestampToken' | 'signature'>,
  tsaRoots: readonly X509Certificate[],
  context: RevocationContext,
) => Promise<TimestampResult>;

/** Hashes of RFC 3161 message imprints: when signing, that of the signature's own algorithm. */
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
