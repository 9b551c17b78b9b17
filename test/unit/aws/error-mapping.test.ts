import {
  AccessDeniedException,
  BadRequestException,
  ConflictException,
  InternalServiceErrorException,
  ResourceNotFoundException,
  ServiceLimitExceededException,
  SignerServiceException,
  ThrottlingException,
  TooManyRequestsException,
  ValidationException,
} from '@aws-sdk/client-signer';
import { describe, expect, it } from 'vitest';
import { AwsError } from '../../../src/aws/aws-error.ts';
import { CredentialsFailure } from '../../../src/aws/credentials.ts';
import { type CallSubject, toAwsError } from '../../../src/aws/error-mapping.ts';

const ARN = 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/notation_test';
const ROLE = 'arn:aws:iam::444455556666:role/release-signer';
const SIGN: CallSubject = { operation: 'SignPayload', target: ARN, notFound: 'ProfileNotFound' };
const STATUS: CallSubject = { operation: 'GetRevocationStatus', target: ARN, notFound: 'RequestRejected' };

const $metadata = (httpStatusCode: number) => ({ $metadata: { httpStatusCode } });

function serviceError(name: string, httpStatusCode: number, message = 'said AWS'): Error {
  return new SignerServiceException({ name, message, $fault: 'client', ...$metadata(httpStatusCode) });
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, $metadata: {} });
}

/** As the SDK's providers reject, whose class it does not export. */
function providerError(message: string): Error {
  return Object.assign(new Error(message), { name: 'CredentialsProviderError' });
}

describe('what AWS answers becomes one of our codes (aws.md, "Signing")', () => {
  it.each<[Error, CallSubject, string, boolean]>([
    [new ThrottlingException({ message: 'Rate exceeded', ...$metadata(429) }), SIGN, 'Throttled', false],
    [new TooManyRequestsException({ message: 'slower', ...$metadata(429) }), SIGN, 'Throttled', false],
    [new ServiceLimitExceededException({ message: 'limit', ...$metadata(402) }), SIGN, 'Throttled', false],
    [serviceError('Throttling', 400), SIGN, 'Throttled', false],
    [new AccessDeniedException({ message: 'no', ...$metadata(403) }), SIGN, 'AccessDenied', true],
    [new ResourceNotFoundException({ message: 'unknown', ...$metadata(404) }), SIGN, 'ProfileNotFound', true],
    [new ResourceNotFoundException({ message: 'unknown', ...$metadata(404) }), STATUS, 'RequestRejected', true],
    [new ValidationException({ message: 'payload too long', ...$metadata(400) }), SIGN, 'RequestRejected', true],
    [new ValidationException({ message: 'profile is canceled', ...$metadata(400) }), SIGN, 'ProfileCanceled', true],
    [new ValidationException({ message: 'profile was Cancelled', ...$metadata(400) }), SIGN, 'ProfileCanceled', true],
    [new ValidationException({ message: 'profile is Revoked', ...$metadata(400) }), SIGN, 'ProfileRevoked', true],
    [new BadRequestException({ message: 'not in Active state', ...$metadata(400) }), SIGN, 'ProfileInactive', true],
    [new ConflictException({ message: 'conflict', ...$metadata(409) }), SIGN, 'RequestRejected', true],
    [new InternalServiceErrorException({ message: 'oops', ...$metadata(500) }), SIGN, 'Unavailable', false],
    [serviceError('UnrecognizedClientException', 403), SIGN, 'CredentialsUnavailable', false],
    [serviceError('InvalidSignatureException', 403), SIGN, 'CredentialsUnavailable', false],
    [serviceError('ExpiredTokenException', 403), SIGN, 'CredentialsUnavailable', false],
    [serviceError('Unknown', 403), SIGN, 'AccessDenied', true],
    [serviceError('Unknown', 400), SIGN, 'RequestRejected', true],
    [serviceError('Unknown', 503), SIGN, 'Unavailable', false],
    [systemError('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:443'), SIGN, 'Unavailable', false],
    [systemError('ENOTFOUND', 'getaddrinfo ENOTFOUND signer.us-west-2.amazonaws.com'), SIGN, 'Unavailable', false],
    [new SyntaxError('Unexpected token <'), SIGN, 'Unavailable', false],
  ])('%s', (error, subject, code, terminal) => {
    const mapped = toAwsError(error, subject);
    expect(mapped).toBeInstanceOf(AwsError);
    expect([mapped.code, mapped.terminal]).toEqual([code, terminal]);
    expect(mapped.message).toContain(`${subject.operation} with ${ARN}: `);
    expect(mapped.cause).toBe(error);
  });

  it('says what AWS said, and what to do', () => {
    const refused = new AccessDeniedException({ message: 'User: x is not authorized', ...$metadata(403) });
    expect(toAwsError(refused, SIGN).message).toBe(
      `SignPayload with ${ARN}: AccessDeniedException: User: x is not authorized; grant the operator's identity signer:SignPayload`,
    );
    expect(toAwsError(systemError('ECONNRESET', ''), SIGN).message).toContain('ECONNRESET');
    expect(toAwsError(serviceError('Unknown', 503, 'UnknownError'), SIGN).message).toContain('HTTP 503');
  });

  it('cuts and cleans what a foreign server says', () => {
    const message = toAwsError(serviceError('Unknown', 500, `\u001b[2J${'x'.repeat(100_000)}`), SIGN).message;
    expect(message.length).toBeLessThan(600);
    expect(message).not.toContain('\u001b');
  });
});

describe('missing credentials are told apart from a refused call', () => {
  it('names what was looked for when the chain found none', () => {
    const none = providerError('Could not load credentials from any providers');
    const mapped = toAwsError(new CredentialsFailure(none, undefined), SIGN);
    expect([mapped.code, mapped.terminal]).toEqual(['CredentialsUnavailable', false]);
    expect(mapped.message).toContain('no AWS credentials');
    expect(mapped.message).toContain('IRSA');
  });

  it.each<[Error, string]>([
    [serviceError('AccessDenied', 403, 'not authorized to perform: sts:AssumeRole'), 'AccessDenied'],
    [serviceError('Throttling', 400), 'Throttled'],
    [systemError('ECONNREFUSED', 'connect ECONNREFUSED'), 'Unavailable'],
    [serviceError('ExpiredToken', 403), 'CredentialsUnavailable'],
  ])('names the role that could not be assumed: %s', (error, code) => {
    const mapped = toAwsError(new CredentialsFailure(error, ROLE), SIGN);
    expect(mapped.code).toBe(code);
    expect(mapped.message).toContain(`assuming the role ${ROLE}`);
  });

  it('tells the failure of the base credentials when a role was to be assumed with them', () => {
    const inner = new CredentialsFailure(providerError('none'), undefined);
    const mapped = toAwsError(new CredentialsFailure(inner, undefined), SIGN);
    expect(mapped.code).toBe('CredentialsUnavailable');
    expect(mapped.message).not.toContain('assuming');
  });
});
