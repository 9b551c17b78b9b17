import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AwsError, type EcrCredentialProvider, ecrCredentials } from '../../src/aws/index.ts';
import { type AwsEmulator, startAwsEmulator } from '../support/aws-emulator/index.ts';

const HOST = '111122223333.dkr.ecr.eu-central-1.amazonaws.com';
const HOUR_MS = 60 * 60_000;
const { signal } = new AbortController();

let aws: AwsEmulator;
beforeAll(async () => {
  aws = await startAwsEmulator();
});
afterEach(() => aws.faults.up());
afterAll(() => aws.stop());

/** A provider with a clock of its own; `later` moves it. */
function provider(options: Parameters<typeof ecrCredentials>[0] = {}): EcrCredentialProvider & {
  readonly later: (ms: number) => void;
} {
  let offset = 0;
  const credentials = ecrCredentials({
    endpoint: aws.endpoint,
    stsEndpoint: aws.endpoint,
    credentials: aws.credentials,
    maxAttempts: 1,
    clock: () => new Date(Date.now() + offset),
    ...options,
  });
  return {
    ...credentials,
    later: (ms) => {
      offset += ms;
    },
  };
}

function calls(): number {
  return aws.requests.filter(({ operation }) => operation === 'GetAuthorizationToken').length;
}

async function passwordOf(ecr: EcrCredentialProvider, host = HOST): Promise<string> {
  const found = await ecr.credentialsFor(host, 'shop/web', signal);
  if (found.kind !== 'basic') throw new Error(`expected basic credentials; found ${found.kind}`);
  expect(found.username).toBe('AWS');
  return found.password;
}

describe('credentials for Amazon ECR (aws.md, "Amazon ECR")', () => {
  it('are a token of the host’s region', async () => {
    const password = await passwordOf(provider());
    expect(aws.isValidEcrToken(password)).toBe(true);
    expect(aws.requests.at(-1)).toMatchObject({ service: 'ecr', region: 'eu-central-1', status: 200 });
  });

  it('are anonymous for every other host, and for ECR Public by default, without a call', async () => {
    const before = aws.requests.length;
    const ecr = provider();
    for (const host of ['docker.io', 'public.ecr.aws', `${HOST}.evil.example`]) {
      await expect(ecr.credentialsFor(host, 'x', signal)).resolves.toEqual({ kind: 'anonymous' });
    }
    expect(aws.requests).toHaveLength(before);
  });

  it('are asked for once, however many want them at once and in the hours after', async () => {
    const before = calls();
    const ecr = provider();
    const passwords = await Promise.all(Array.from({ length: 50 }, () => passwordOf(ecr)));
    ecr.later(11 * HOUR_MS);
    passwords.push(await passwordOf(ecr));
    expect(new Set(passwords).size).toBe(1);
    expect(calls()).toBe(before + 1);
  });

  it('are refreshed shortly before their expiry', async () => {
    const ecr = provider();
    const first = await passwordOf(ecr);
    ecr.later(11.6 * HOUR_MS);
    expect(await passwordOf(ecr)).not.toBe(first);
  });

  it('stay the old ones while the refresh is throttled, and are not asked for at each use (faults.md 24)', async () => {
    const ecr = provider();
    const first = await passwordOf(ecr);
    ecr.later(11.6 * HOUR_MS);
    aws.faults.throttle(100, 'GetAuthorizationToken');
    const before = calls();
    expect(await passwordOf(ecr)).toBe(first);
    expect(await passwordOf(ecr)).toBe(first);
    expect(calls()).toBe(before + 1);

    ecr.later(61_000);
    aws.faults.up();
    expect(await passwordOf(ecr)).not.toBe(first);
  });

  it('are an error once the old ones have expired and the refresh still fails', async () => {
    const ecr = provider();
    await passwordOf(ecr);
    ecr.later(12 * HOUR_MS);
    aws.faults.throttle(100, 'GetAuthorizationToken');
    const error = await passwordOf(ecr).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AwsError);
    expect(error).toMatchObject({ code: 'Throttled', message: expect.stringContaining(HOST) });
  });

  it('of a registry in use are kept, however many others tenants name', async () => {
    const ecr = provider();
    const password = await passwordOf(ecr);
    const before = calls();
    for (let i = 10; i < 90; i += 1) {
      await passwordOf(ecr, `111122223333.dkr.ecr.eu-nowhere-${i}.amazonaws.com`);
      expect(await passwordOf(ecr)).toBe(password);
    }
    expect(calls()).toBe(before + 80);
  });

  it('come of a role where one is configured', async () => {
    const assumeRoleArn = 'arn:aws:iam::444455556666:role/pull';
    aws.identities.createRole(assumeRoleArn, [aws.accountId]);
    await passwordOf(provider({ roleOf: (account) => (account === HOST.slice(0, 12) ? assumeRoleArn : undefined) }));
    expect(aws.requests.at(-1)?.principalArn).toBe('arn:aws:sts::444455556666:assumed-role/pull/sealwatch');
  });

  it('are told as denied, with the action that is missing', async () => {
    aws.deny('GetAuthorizationToken');
    const error = await passwordOf(provider()).catch((reason: unknown) => reason);
    aws.allowAll();
    expect(error).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringContaining('ecr:GetAuthorizationToken'),
    });
  });

  it('leave whoever gives up, while the others still get theirs', async () => {
    const ecr = provider();
    aws.faults.delay(100, 'GetAuthorizationToken');
    const controller = new AbortController();
    const impatient = ecr.credentialsFor(HOST, 'shop/web', controller.signal);
    const patient = passwordOf(ecr);
    const reason = new Error('gave up');
    controller.abort(reason);
    await expect(impatient).rejects.toBe(reason);
    expect(aws.isValidEcrToken(await patient)).toBe(true);
  });
});
