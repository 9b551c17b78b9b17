import { describe, expect, it } from 'vitest';
import { AwsError, parseSigningJobArn, parseSigningProfileArn } from '../../../src/aws/index.ts';

const PROFILE = 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/notation_test';
const JOB = 'arn:aws:signer:us-west-2:111122223333:/signing-jobs/2f9b1c3e-6f4f-4f0a-9a53-0d3b6f7f2d11';

function errorOf(act: () => unknown): AwsError {
  try {
    act();
  } catch (error) {
    if (error instanceof AwsError) return error;
    throw error;
  }
  throw new Error('expected an AwsError');
}

describe('ARNs of signing profiles (aws.md, "Signing")', () => {
  it('are taken apart, with and without version', () => {
    const parts = {
      partition: 'aws',
      region: 'us-west-2',
      account: '111122223333',
      profileName: 'notation_test',
      arn: PROFILE,
    };
    expect(parseSigningProfileArn(PROFILE)).toEqual(parts);
    expect(parseSigningProfileArn(`${PROFILE}/vjPSTMwGW3`)).toEqual({
      ...parts,
      version: 'vjPSTMwGW3',
      versionArn: `${PROFILE}/vjPSTMwGW3`,
    });
  });

  it.each([
    ['aws-cn', 'cn-north-1'],
    ['aws-us-gov', 'us-gov-west-1'],
    ['aws-iso', 'us-iso-east-1'],
    ['aws-iso-b', 'us-isob-east-1'],
    ['aws-eusc', 'eusc-de-east-1'],
    ['aws', 'ap-southeast-2'],
  ])('may be of the partition %s', (partition, region) => {
    const arn = `arn:${partition}:signer:${region}:111122223333:/signing-profiles/release`;
    expect(parseSigningProfileArn(arn)).toMatchObject({ partition, region, arn });
  });

  it.each([
    ['singular', 'arn:aws:signer:us-west-2:111122223333:/signing-profile/notation_test', PROFILE],
    ['slash left out', 'arn:aws:signer:us-west-2:111122223333:signing-profiles/notation_test', PROFILE],
    ['slash at the end', `${PROFILE}/`, PROFILE],
    ['space around', ` ${PROFILE}\n`, PROFILE],
    ['upper case', 'ARN:aws:Signer:US-WEST-2:111122223333:/Signing-Profiles/notation_test', PROFILE],
    ['colon for slash', 'arn:aws:signer:us-west-2:111122223333:/signing-profiles:notation_test', PROFILE],
    [
      'with version',
      'arn:aws:signer:us-west-2:111122223333:signing-profile/notation_test/vjPSTMwGW3',
      `${PROFILE}/vjPSTMwGW3`,
    ],
    [
      'wrong partition',
      'arn:aws:signer:cn-north-1:111122223333:/signing-profiles/release',
      'arn:aws-cn:signer:cn-north-1:111122223333:/signing-profiles/release',
    ],
  ])('get a "did you mean" for a near miss: %s', (_name, text, meant) => {
    const error = errorOf(() => parseSigningProfileArn(text));
    expect(error.code).toBe('InvalidArn');
    expect(error.terminal).toBe(true);
    expect(error.message).toContain(`; did you mean ${meant}?`);
    expect(() => parseSigningProfileArn(meant)).not.toThrow();
  });

  it.each([
    ['empty', ''],
    ['a name alone', 'notation_test'],
    ['another service', 'arn:aws:iam::111122223333:role/signer'],
    ['another service, same resource', 'arn:aws:ecr:us-west-2:111122223333:/signing-profiles/notation_test'],
    ['a job', JOB],
    ['no region', 'arn:aws:signer::111122223333:/signing-profiles/notation_test'],
    [
      'a region that would change the host',
      'arn:aws:signer:evil.example/us-west-2:111122223333:/signing-profiles/notation_test',
    ],
    ['an account of eleven digits', 'arn:aws:signer:us-west-2:11112222333:/signing-profiles/notation_test'],
    ['a version of nine characters', `${PROFILE}/vjPSTMwGW`],
    ['a segment too many', `${PROFILE}/vjPSTMwGW3/x`],
    ['a name of one character', 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/n'],
    ['a name with a dash', 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/notation-test'],
    ['a wildcard', 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/*'],
    ['an aliased profile', 'arn:aws:signer:us-west-2:111122223333:/aliased-signing-profiles/notation_test'],
  ])('are refused without a guess: %s', (_name, text) => {
    const error = errorOf(() => parseSigningProfileArn(text));
    expect(error.code).toBe('InvalidArn');
    expect(error.message).not.toContain('did you mean');
    expect(error.message).toContain('/signing-profiles/<name>');
  });

  it('are quoted in part only, however long they are', () => {
    expect(errorOf(() => parseSigningProfileArn('x'.repeat(100_000))).message.length).toBeLessThan(500);
  });
});

describe('ARNs of signing jobs', () => {
  it('are taken apart', () => {
    expect(parseSigningJobArn(JOB)).toEqual({
      partition: 'aws',
      region: 'us-west-2',
      account: '111122223333',
      jobId: '2f9b1c3e-6f4f-4f0a-9a53-0d3b6f7f2d11',
      arn: JOB,
    });
  });

  it.each([PROFILE, `${JOB}/revoke`, JOB.replace('/signing-jobs', 'signing-jobs'), `${JOB}\n`])('refuse %j', (text) => {
    expect(errorOf(() => parseSigningJobArn(text)).code).toBe('InvalidArn');
  });
});
