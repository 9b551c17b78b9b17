/** The closed set of what can go wrong with a registry. */
export type OciErrorCode =
  | 'InvalidReference'
  | 'Unreachable'
  | 'Timeout'
  | 'Unauthorized'
  | 'Denied'
  | 'NotFound'
  | 'RateLimited'
  | 'ServerError'
  | 'InvalidAnswer'
  | 'DigestMismatch'
  | 'TooLarge'
  | 'AddressRefused'
  | 'PlainHTTPRefused';

/** A registry could not be used, or what it holds is bad. The message names reference, what was expected and found. */
export class OciError extends Error {
  readonly code: OciErrorCode;
  /** HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** What the registry asks to wait, milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The registry's own error code, such as NAME_UNKNOWN. */
  readonly registryCode: string | undefined;

  constructor(
    code: OciErrorCode,
    message: string,
    options: {
      readonly status?: number;
      readonly retryAfterMs?: number;
      readonly registryCode?: string;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OciError';
    this.code = code;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.registryCode = options.registryCode;
  }
}

/**
 * Whether the fault lies in the content of one object: it counts against that object alone, as one failed attempt
 * (notary.md A8). Everything else is a fault of the infrastructure, and says nothing of the image.
 */
export function isContentFault(error: OciError): boolean {
  return error.code === 'InvalidAnswer' || error.code === 'DigestMismatch' || error.code === 'TooLarge';
}

/** A registry's own codes for what it does not have; NAME_UNKNOWN may also mean that it hides the whole repository. */
const GONE: ReadonlySet<string> = new Set(['MANIFEST_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN']);

/** Whether the registry itself says that it does not have one object: definite, unlike a 404 of some host before it. */
export function isGone(error: OciError): boolean {
  return error.code === 'NotFound' && GONE.has(error.registryCode ?? '');
}
