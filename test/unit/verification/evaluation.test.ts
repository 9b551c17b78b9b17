import { describe, expect, it } from 'vitest';
import type { CheckCode, SignatureOutcome } from '../../../src/notary/index.ts';
import { OciError } from '../../../src/oci/index.ts';
import { combine, type EvaluatedSignature, registryCause } from '../../../src/verification/evaluation.ts';

const ALL = { truncated: false, max: 100 };
const ENVELOPE = {} as NonNullable<SignatureOutcome['envelope']>;

function evaluated(
  verdict: SignatureOutcome['verdict'],
  code: CheckCode = 'IntegrityFailed',
  parsed = true,
): EvaluatedSignature {
  const decisive = {
    type: 'integrity',
    action: 'enforce',
    result: 'failed',
    code,
    reason: `because ${verdict}`,
  } as const;
  const outcome: SignatureOutcome = {
    verdict,
    checks: [decisive],
    ...(verdict === 'Trusted' ? {} : { decisive }),
    ...(parsed ? { envelope: ENVELOPE } : {}),
  };
  return { digest: `sha256:${verdict.toLowerCase().padEnd(64, '0')}`, kind: 'evaluated', outcome };
}
const TRUSTED = evaluated('Trusted');
const EXPIRED = evaluated('Expired', 'SignatureExpired');
const REVOKED = evaluated('Revoked', 'SigningJobRevoked');
const UNTRUSTED = evaluated('Untrusted', 'NotFromTrustStore');
const UNKNOWN = evaluated('Unknown', 'RevocationUndetermined');
const UNREAD = evaluated('Unknown', 'NotSupportedYet', false);
const MALFORMED: EvaluatedSignature = { digest: 'sha256:bad', kind: 'malformed', message: 'not JSON' };
const UNREACHABLE: EvaluatedSignature = {
  digest: 'sha256:gone',
  kind: 'unreachable',
  error: new OciError('Timeout', 'too slow'),
};

describe('the verdict of several signatures', () => {
  it.each([
    ['none at all', [], 'Unsigned', 'NoSignature'],
    ['any that passes wins', [REVOKED, UNKNOWN, MALFORMED, TRUSTED], 'Trusted', undefined],
    ['what might yet pass is Unknown, not Revoked', [REVOKED, UNKNOWN], 'Unknown', 'RevocationUndetermined'],
    ['what could not be fetched is Unknown', [EXPIRED, UNREACHABLE], 'Unknown', 'RegistryUnreachable'],
    ['revoked before expired', [EXPIRED, REVOKED, UNTRUSTED], 'Revoked', 'SigningJobRevoked'],
    ['expired before untrusted', [UNTRUSTED, EXPIRED], 'Expired', 'SignatureExpired'],
    ['junk of an unread format hides no revocation', [UNREAD, REVOKED], 'Revoked', 'SigningJobRevoked'],
    ['an unread format alone is Unknown', [UNREAD, UNTRUSTED], 'Unknown', 'NotSupportedYet'],
    ['bad content counts as a failed attempt (A8)', [MALFORMED], 'Untrusted', 'SignatureMalformed'],
    ['the nearest miss explains', [MALFORMED, UNTRUSTED], 'Untrusted', 'NotFromTrustStore'],
  ] as const)('%s', (_name, signatures, verdict, reason) => {
    const combined = combine(signatures, ALL);
    expect([combined.verdict, combined.cause?.reason]).toEqual([verdict, reason]);
  });

  it('too many, and none good, has a reason of its own (A7)', () => {
    expect(combine([UNTRUSTED], { truncated: true, max: 1 })).toMatchObject({
      verdict: 'Untrusted',
      cause: { reason: 'TooManySignatures' },
    });
    expect(combine([TRUSTED], { truncated: true, max: 1 }).verdict).toBe('Trusted');
  });
});

it.each([
  ['Unreachable', 'RegistryUnreachable'],
  ['Timeout', 'RegistryUnreachable'],
  ['ServerError', 'RegistryUnreachable'],
  ['Unauthorized', 'RegistryDenied'],
  ['Denied', 'RegistryDenied'],
  ['RateLimited', 'RegistryRateLimited'],
  ['NotFound', 'ImageNotFound'],
  ['AddressRefused', 'AddressRefused'],
  ['PlainHTTPRefused', 'AddressRefused'],
  ['DigestMismatch', 'RegistryAnswerInvalid'],
  ['InvalidAnswer', 'RegistryAnswerInvalid'],
] as const)('a registry fault %s is the cause %s', (code, reason) => {
  expect(registryCause(new OciError(code, 'message'))).toEqual({ reason, message: 'message' });
});
