import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AwsError, type AwsErrorCode } from '../../../src/aws/index.ts';
import { credentialsFile, toldAsRegistryFault } from '../../../src/controllers/registry-clients.ts';
import { candidatesOf, OciError } from '../../../src/oci/index.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

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

it("the operator's own file is read anew, and one that is missing or broken is told without quoting it (faults.md 50)", async () => {
  const folder = await temporaryFolder('registry-config');
  const path = join(folder.path, 'config.json');
  const provider = credentialsFile(path);
  const found = async (): Promise<unknown> => {
    const candidates = candidatesOf(provider, 'r.test', 'app', AbortSignal.timeout(10_000));
    const { value } = await candidates.next();
    return value?.kind === 'unavailable' ? `${value.error.code} ${value.error.message}` : value;
  };
  const entry = { username: 'u', password: 'p' };
  await writeFile(path, JSON.stringify({ auths: { 'r.test': entry } }));
  expect(await found()).toEqual({ kind: 'basic', ...entry });
  await writeFile(path, '{"auths":{"r.test":"hunter2');
  expect(await found()).toBe(`Unauthorized --registry-config ${path}: Docker config: expected JSON`);
  await rm(path);
  expect(await found()).toBe(`Unauthorized --registry-config ${path}: it cannot be read`);
  await folder.remove();
});
