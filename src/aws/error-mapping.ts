import { printable } from '../transport/index.ts';
import { AwsError, type AwsErrorCode } from './aws-error.ts';
import type { AwsService } from './aws-options.ts';
import { CredentialsFailure } from './credentials.ts';
import { ChainError } from './default-chain.ts';

/** What a call was for: its operation, and what it was about, for the message. */
export interface CallSubject {
  /** Default signer. */
  readonly service?: AwsService;
  /** E.g. `SignPayload`. */
  readonly operation: string;
  /** What a person knows it by: the ARN of a profile or job, a registry. */
  readonly target: string;
  /** What an unknown resource means for this operation. */
  readonly notFound: Extract<AwsErrorCode, 'ProfileNotFound' | 'RequestRejected'>;
}

const THROTTLED = new Set([
  'ThrottlingException',
  'TooManyRequestsException',
  'Throttling',
  'RequestLimitExceeded',
  'LimitExceededException',
  'ServiceLimitExceededException',
]);
const DENIED = new Set(['AccessDeniedException', 'AccessDenied', 'UnauthorizedOperation', 'OptInRequired']);
const NOT_FOUND = new Set(['ResourceNotFoundException', 'NotFoundException']);
const REFUSED_CREDENTIALS = new Set([
  'ExpiredTokenException',
  'ExpiredToken',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'InvalidIdentityToken',
  'RequestExpired',
]);
const REJECTED = new Set([
  'ValidationException',
  'BadRequestException',
  'ConflictException',
  'InvalidParameterException',
]);
/** AWS has no error of its own for a cancelled or revoked profile: it says so in a ValidationException. */
const CANCELED = /cancell?ed/i;
const REVOKED = /revoked/i;
const INACTIVE = /not (?:in )?(?:an? )?active|inactive/i;

/** Tells what the SDK threw as one of our codes, with the operation, the ARN, and what AWS said. */
export function toAwsError(error: unknown, subject: CallSubject): AwsError {
  if (error instanceof AwsError) return error;
  if (error instanceof CredentialsFailure) return credentialsError(error, subject);
  const { code, advice } = classify(error, subject);
  return new AwsError(code, `${subject.operation} with ${subject.target}: ${said(error)}${advice}`, { cause: error });
}

interface Classification {
  readonly code: AwsErrorCode;
  /** What to do, after the message. */
  readonly advice: string;
}

function classify(error: unknown, subject: CallSubject): Classification {
  const { notFound } = subject;
  const { name, status, message } = factsOf(error);
  if (THROTTLED.has(name) || status === 429) return { code: 'Throttled', advice: '; it is tried again later' };
  if (DENIED.has(name)) return { code: 'AccessDenied', advice: `; grant the operator's identity ${actionOf(subject)}` };
  if (REFUSED_CREDENTIALS.has(name)) {
    return {
      code: 'CredentialsUnavailable',
      advice: "; AWS refused the operator's credentials: renew them, and check the clock",
    };
  }
  if (NOT_FOUND.has(name)) {
    const advice = notFound === 'ProfileNotFound' ? '; check name, account and region of the ARN' : '';
    return { code: notFound, advice };
  }
  if (REJECTED.has(name)) {
    const inactive = notFound === 'ProfileNotFound' ? inactiveCode(message) : undefined;
    return inactive === undefined
      ? { code: 'RequestRejected', advice: '' }
      : { code: inactive, advice: '; use an active signing profile' };
  }
  if (status === 403) return { code: 'AccessDenied', advice: '' };
  if (status === 400) return { code: 'RequestRejected', advice: '' };
  return { code: 'Unavailable', advice: '; it is tried again' };
}

function inactiveCode(message: string): AwsErrorCode | undefined {
  if (CANCELED.test(message)) return 'ProfileCanceled';
  if (REVOKED.test(message)) return 'ProfileRevoked';
  return INACTIVE.test(message) ? 'ProfileInactive' : undefined;
}

function credentialsError({ original, roleArn }: CredentialsFailure, subject: CallSubject): AwsError {
  if (original instanceof CredentialsFailure) return credentialsError(original, subject);
  const { operation, target } = subject;
  if (roleArn === undefined) {
    const why = original instanceof ChainError ? original.original : original;
    const tried = original instanceof ChainError ? `tried ${original.tried}: ` : '';
    // A throttled STS says no more about the credentials than a throttled Signer about a signature.
    const isThrottled = classify(why, { operation, target, notFound: 'RequestRejected' }).code === 'Throttled';
    return new AwsError(
      isThrottled ? 'Throttled' : 'CredentialsUnavailable',
      `${operation} with ${target}: no AWS credentials: ${tried}${said(why)}; give the operator a role (IRSA, EKS Pod Identity, instance role) or keys`,
      { cause: why },
    );
  }
  const { code } = classify(original, { operation: 'AssumeRole', target: roleArn, notFound: 'RequestRejected' });
  const advice = code === 'AccessDenied' ? "; let the role's trust policy name the operator's identity" : '';
  return new AwsError(code, `${operation} with ${target}: assuming the role ${roleArn}: ${said(original)}${advice}`, {
    cause: original,
  });
}

/** The action of IAM that allows a call. */
function actionOf({ service = 'signer', operation }: CallSubject): string {
  const action = `${service}:${operation}`;
  return service === 'ecr-public' ? `${action} and sts:GetServiceBearerToken` : action;
}

interface ErrorFacts {
  readonly name: string;
  readonly status: number | undefined;
  readonly message: string;
  /** Of Node.js: ECONNREFUSED and the like. */
  readonly systemCode: string | undefined;
}

function factsOf(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { name: '', status: undefined, message: '', systemCode: undefined };
  const { $metadata: metadata, code } = error as { $metadata?: { httpStatusCode?: unknown }; code?: unknown };
  const status = metadata?.httpStatusCode;
  return {
    name: error.name,
    status: typeof status === 'number' ? status : undefined,
    message: error.message,
    systemCode: typeof code === 'string' && /^[A-Z_]+$/.test(code) ? code : undefined,
  };
}

/** What AWS, or the way to it, answered. */
function said(error: unknown): string {
  const { name, status, message, systemCode } = factsOf(error);
  const text = printable(message, 300);
  if (systemCode !== undefined) return text.includes(systemCode) ? text : `${systemCode} ${text}`.trim();
  if (name === 'SyntaxError') return `the answer${status === undefined ? '' : ` (HTTP ${status})`} is not JSON`;
  const label = name === '' || name === 'Error' ? '' : name;
  const known = status !== undefined && label === 'Unknown' ? `HTTP ${status}` : label;
  return [known, text].filter((part) => part !== '' && part !== 'UnknownError').join(': ') || 'no answer';
}
