/** metav1.Condition. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

/** Condition types. `Ready` sums up by kstatus; `Reconciling` and `Stalled` are present only while true. */
export const CONDITIONS = {
  ready: 'Ready',
  reconciling: 'Reconciling',
  stalled: 'Stalled',
  signed: 'Signed',
  verified: 'Verified',
  revoked: 'Revoked',
  expired: 'Expired',
  expiringSoon: 'ExpiringSoon',
  conflicted: 'Conflicted',
} as const;

/** Every reason a condition of Sealwatch's own resources may carry. */
export const CONDITION_REASONS = [
  // good
  'Succeeded',
  'AllVerified',
  'AllSigned',
  'NoneRevoked',
  'NoneExpired',
  'CertificatesLoaded',
  'PolicyInForce',
  'NoneExpiring',
  // moving
  'Suspended',
  'NotSigned',
  'RetryingAfterFault',
  // bad
  'SomeRevoked',
  'SomeExpired',
  'SomeUntrusted',
  'SomeUnsigned',
  'SomeUnknown',
  'SomeUncovered',
  'SomeExpiring',
  'ScopeConflict',
  'InvalidSpec',
  'InvalidBundle',
  'SourceNotFound',
  'SourceForbidden',
  'DuplicateName',
  'InvalidPolicy',
  'TrustStoreNotFound',
  'NotGranted',
  'KeyInvalid',
  'SecretNotFound',
  'SigningFailed',
  'TimestampFailed',
  'ProfileNotFound',
  'ProfileInactive',
  'ProfileCanceled',
  'ProfileRevoked',
  'ProfileVersionMismatch',
  'AccessDenied',
  'RequestRejected',
  'SignatureRevoked',
  'TooManyPlatforms',
  'CleanupFailed',
  'NotSupportedYet',
  'Undetermined',
] as const;
export type ConditionReason = (typeof CONDITION_REASONS)[number];
