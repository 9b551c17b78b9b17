import type { Envelope } from './envelope/envelope.ts';

/** The checks of one signature, in the order of notary.md G. */
export const CHECK_TYPES = [
  'integrity',
  'authenticity',
  'expiry',
  'authenticTimestamp',
  'revocation',
  'descriptor',
  'userMetadata',
] as const;
export type CheckType = (typeof CHECK_TYPES)[number];

/** What the policy does with a failed check (notary.md F7). */
export type CheckAction = 'enforce' | 'log' | 'skip';

/** `unknown`: could not be determined; under enforce it ends the signature, but is never told as failed. */
export type CheckResultKind = 'passed' | 'failed' | 'unknown' | 'skipped';

/** Why a check did not pass: closed, so that verdicts need not read sentences. */
export type CheckCode =
  | 'SignatureMalformed'
  | 'IntegrityFailed'
  | 'PluginUnsupported'
  | 'NotFromTrustStore'
  | 'TrustStoreUnavailable'
  | 'NotATrustedIdentity'
  | 'SignatureExpired'
  | 'CertificateExpired'
  | 'TimestampFailed'
  | 'SigningJobRevoked'
  | 'SigningProfileRevoked'
  | 'CertificateRevoked'
  | 'RevocationUndetermined'
  | 'OtherSubject'
  | 'UserMetadataMismatch';

export interface CheckResult {
  readonly type: CheckType;
  readonly action: CheckAction;
  readonly result: CheckResultKind;
  /** Present unless passed or skipped. */
  readonly code?: CheckCode;
  /** One sentence for a person. */
  readonly reason: string;
  /** With a failed revocation check: what was revoked (ARNs, or certificates as `subject (sha256:..)`). */
  readonly revoked?: readonly string[];
  /** When the cause began to hold, where that is known (the expiry, the revocation time). */
  readonly since?: Date;
  /** What the check was told stands until then: OCSP answers and CRLs run out, or are asked for again (notary.md H6). */
  readonly validUntil?: Date;
}

/** What one signature is worth. */
export type SignatureVerdict = 'Trusted' | 'Expired' | 'Revoked' | 'Untrusted' | 'Unknown';

/** The checks of one signature, and what follows. */
export interface SignatureOutcome {
  readonly verdict: SignatureVerdict;
  /** Every check that ran, in order; the last one is the enforced failure, unless the signature passed. */
  readonly checks: readonly CheckResult[];
  /** The check that decided a verdict other than Trusted. */
  readonly decisive?: CheckResult;
  /** Absent when the envelope could not be parsed. */
  readonly envelope?: Envelope;
  /**
   * The first moment after `now` at which time alone would change this outcome (signature expiry, certificate
   * notAfter for notary.x509 without timestamp, notBefore still to come); absent when none.
   */
  readonly changesAt?: Date;
}
