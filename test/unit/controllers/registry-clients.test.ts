import { describe, expect, it } from 'vitest';
import { AwsError, type AwsErrorCode } from '../../../src/aws/index.ts';
import { toldAsRegistryFault } from '../../../src/controllers/registry-clients.ts';
import { OciError } from '../../../src/oci/index.ts';

describe('credentials that AWS does not give', () => {
  it.each([
    ['Throttled', 'RateLimited'],
    ['Unavailable', 'Unreachable'],
    ['AccessDenied', 'Unauthorized'],
    ['CredentialsUnavailable', 'Unauthorized'],
  ] as const)(
    '%s is told as the registry fault %s, which makes a verdict Unknown',
    async (code: AwsErrorCode, expected) => {
      const failing = { credentialsFor: () => Promise.reject(new AwsError(code, 'GetAuthorizationToken: no')) };
      const error = await toldAsRegistryFault(failing)
        .credentialsFor('111122223333.dkr.ecr.eu-west-1.amazonaws.com', 'app', AbortSignal.timeout(1_000))
        .catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(OciError);
      expect(error).toMatchObject({ code: expected, message: expect.stringContaining('GetAuthorizationToken') });
    },
  );

  it('any other error is a bug, and stays what it is', async () => {
    const broken = { credentialsFor: () => Promise.reject(new TypeError('bug')) };
    await expect(toldAsRegistryFault(broken).credentialsFor('r', 'a', AbortSignal.timeout(1_000))).rejects.toThrow(
      TypeError,
    );
  });
});
