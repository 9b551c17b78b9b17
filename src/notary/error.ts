/** The closed set of what can be wrong with the input of the Notary core. */
export type NotaryErrorCode =
  | 'MalformedEnvelope'
  | 'InvalidCertificate'
  | 'InvalidCertificateChain'
  | 'InvalidTrustPolicy'
  | 'InvalidTrustStore'
  | 'InvalidKey'
  | 'InvalidRevocationData'
  | 'InvalidTimestamp'
  | 'TimestampFailed'
  | 'InvalidSigningRequest';

/** The one error that the Notary core throws on bad input. The message says what was expected and what was found. */
export class NotaryError extends Error {
  readonly code: NotaryErrorCode;
  /** The rule of the specification that was broken, e.g. `B3`. */
  readonly rule: string | undefined;

  constructor(
    code: NotaryErrorCode,
    message: string,
    options: { readonly rule?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'NotaryError';
    this.code = code;
    this.rule = options.rule;
  }
}
