import type { Envelope } from '../envelope/envelope.ts';

/** What a revocation check found (notary.md H1). Three-valued: `unknown` is never told as revoked. */
export type RevocationResult =
  | {
      readonly status: 'good';
      /** One sentence: "no certificate of the chain can be revoked", "AWS Signer reports nothing revoked". */
      readonly reason: string;
    }
  | {
      readonly status: 'revoked';
      readonly reason: string;
      readonly kind: 'signingJob' | 'signingProfile' | 'certificate';
      /** ARNs, or certificates as `subject (sha256:..)`. */
      readonly revoked: readonly string[];
      readonly since?: Date;
    }
  | { readonly status: 'unknown'; readonly reason: string; readonly notSupportedYet?: true };

/**
 * The seam for OCSP, CRL and AWS Signer. Called only after integrity and authenticity passed (H7).
 * Never rejects for a fault of the network: that is `unknown`.
 */
export type RevocationChecker = (envelope: Envelope, signal: AbortSignal) => Promise<RevocationResult>;
