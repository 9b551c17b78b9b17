import type { X509Certificate } from 'node:crypto';
import type { Envelope } from '../envelope/envelope.ts';

/** What a revocation check found (notary.md H1). Three-valued: `unknown` is never told as revoked. */
export type RevocationResult =
  | {
      readonly status: 'good';
      /** One sentence: "no certificate of the chain can be revoked", "AWS Signer reports nothing revoked". */
      readonly reason: string;
      /**
       * From when on the answer no longer stands, or is asked for again, whichever is first; absent when nothing says
       * so.
       */
      readonly validUntil?: Date;
    }
  | {
      readonly status: 'revoked';
      /** Names which certificate, since when, why and by whom. */
      readonly reason: string;
      readonly kind: 'signingJob' | 'signingProfile' | 'certificate';
      /** ARNs, or certificates as `subject (sha256:..)`. */
      readonly revoked: readonly string[];
      readonly since?: Date;
      /** From when on the answer no longer stands: a hold may be lifted. Absent where revocation is for ever. */
      readonly validUntil?: Date;
    }
  | { readonly status: 'unknown'; readonly reason: string };

/** What every check of revocation is given beside its subject. */
export interface RevocationContext {
  readonly now: Date;
  readonly signal: AbortSignal;
}

/**
 * The seam for OCSP, CRL and AWS Signer. Called only after integrity and authenticity passed (H7).
 * Never rejects for a fault of the network: that is `unknown`.
 */
export type RevocationChecker = (envelope: Envelope, context: RevocationContext) => Promise<RevocationResult>;

/** A chain whose revocation is asked for: of a signature, or of a time stamping authority. */
export interface RevocationSubject {
  /** Leaf first, root included; found well formed and trusted before (H7). */
  readonly certificates: readonly X509Certificate[];
  /**
   * The time that a signing authority vouches for: a revocation whose invalidityDate is later does not count (H5).
   * Absent for notary.x509 and time stamping, where the invalidityDate is not compared.
   */
  readonly authenticSigningTime?: Date;
}

/** OCSP and CRL for a chain of certificates (notary.md H). Never rejects for a fault of the network. */
export type ChainRevocationChecker = (
  subject: RevocationSubject,
  context: RevocationContext,
) => Promise<RevocationResult>;
