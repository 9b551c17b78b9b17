/**
 * What holds for one digest under one statement (design.md, "Words").
 * `Unknown` is an answer of its own: a fault of the infrastructure is never Untrusted, Unsigned or Revoked.
 */
export type VerdictType = 'Trusted' | 'Expired' | 'Revoked' | 'Untrusted' | 'Unsigned' | 'Unknown' | 'Uncovered';

/** Worst first: the order in which a pod or a request sums up several verdicts. */
export const VERDICTS_WORST_FIRST: readonly VerdictType[] = [
  'Revoked',
  'Untrusted',
  'Unsigned',
  'Expired',
  'Unknown',
  'Uncovered',
  'Trusted',
];

/** Verdicts that flag a running container. Uncovered does not: nobody asked for a check. */
export const BAD_VERDICTS: ReadonlySet<VerdictType> = new Set([
  'Revoked',
  'Untrusted',
  'Unsigned',
  'Expired',
  'Unknown',
]);

/** Machine-readable reasons of a verdict; each is CamelCase and stable. */
export const CAUSE_REASONS = [
  'SignatureExpired',
  'CertificateExpired',
  'SigningJobRevoked',
  'SigningProfileRevoked',
  'CertificateRevoked',
  'IntegrityFailed',
  'NotFromTrustStore',
  'NotATrustedIdentity',
  'OtherSubject',
  'UserMetadataMismatch',
  'TimestampFailed',
  'PluginUnsupported',
  'SignatureMalformed',
  'TooManySignatures',
  'NoSignature',
  'RegistryUnreachable',
  'RegistryDenied',
  'RegistryRateLimited',
  'RegistryAnswerInvalid',
  'ImageNotFound',
  'RevocationUndetermined',
  'TrustStoreUnavailable',
  'ImageIDUnverifiable',
  'AddressRefused',
  'NoStatementApplies',
  'PolicyInvalid',
] as const;
export type CauseReason = (typeof CAUSE_REASONS)[number];

/** Why a verdict is what it is. */
export interface Cause {
  readonly reason: CauseReason;
  /** One sentence for a person; at most 1,024 characters. */
  readonly message: string;
  /** What was revoked: ARN of a signing job or profile version, or a certificate. */
  readonly revoked?: readonly string[];
  /** When the cause began to hold (expiry, revocation first seen, first failure); RFC 3339. */
  readonly since?: string;
}

/** One check of one signature, as a status shows it. */
export interface SignatureCheckStatus {
  readonly type: string;
  readonly action: string;
  readonly result: string;
  readonly reason: string;
}
