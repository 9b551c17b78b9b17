/** The closed set of what can go wrong with AWS. */
export type AwsErrorCode =
  | 'InvalidArn'
  | 'Throttled'
  | 'AccessDenied'
  | 'ProfileNotFound'
  | 'ProfileInactive'
  | 'ProfileCanceled'
  | 'ProfileRevoked'
  | 'ProfileVersionMismatch'
  | 'RequestRejected'
  | 'CredentialsUnavailable'
  | 'Unavailable';

const TERMINAL: Readonly<Record<AwsErrorCode, boolean>> = {
  InvalidArn: true,
  Throttled: false,
  AccessDenied: true,
  ProfileNotFound: true,
  ProfileInactive: true,
  ProfileCanceled: true,
  ProfileRevoked: true,
  ProfileVersionMismatch: true,
  RequestRejected: true,
  // Tokens of IRSA and Pod Identity are written, and rotated, while the operator runs.
  CredentialsUnavailable: false,
  Unavailable: false,
};

/** The one error that src/aws throws. The message names the operation and the ARN, and never holds a secret. */
export class AwsError extends Error {
  readonly code: AwsErrorCode;
  /** Trying again helps only after the spec or the environment (IAM, the profile) has changed. */
  readonly terminal: boolean;

  constructor(code: AwsErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AwsError';
    this.code = code;
    this.terminal = TERMINAL[code];
  }
}
