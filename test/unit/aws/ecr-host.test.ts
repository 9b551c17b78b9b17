import { describe, expect, it } from 'vitest';
import { parseEcrHost } from '../../../src/aws/index.ts';

describe('hosts of Amazon ECR (aws.md, "Amazon ECR")', () => {
  it.each<[string, string, boolean, boolean?]>([
    ['111122223333.dkr.ecr.us-west-2.amazonaws.com', 'us-west-2', false],
    ['111122223333.dkr.ecr-fips.us-east-1.amazonaws.com', 'us-east-1', true],
    ['111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'us-gov-west-1', true],
    ['111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1', false],
    ['111122223333.dkr-ecr.eu-central-1.on.aws', 'eu-central-1', false, true],
    ['111122223333.dkr-ecr-fips.us-east-2.on.aws', 'us-east-2', true, true],
    ['111122223333.DKR.ECR.us-west-2.amazonaws.com', 'us-west-2', false],
  ])('%s', (host, region, fips, dualStack = false) => {
    expect(parseEcrHost(host)).toEqual({ kind: 'private', account: '111122223333', region, fips, dualStack });
  });

  it('are ECR Public’s own', () => {
    expect(parseEcrHost('public.ecr.aws')).toEqual({ kind: 'public' });
  });

  it.each([
    'docker.io',
    'public.ecr.aws.evil.example',
    'x.public.ecr.aws',
    'public.ecr.aws:443',
    '111122223333.dkr.ecr.us-west-2.amazonaws.com.evil.example',
    '111122223333.dkr.ecr.us-west-2.amazonaws.com:8443',
    '111122223333.dkr.ecr.us-west-2.on.aws',
    '111122223333.dkr-ecr.us-west-2.amazonaws.com',
    'x111122223333.dkr.ecr.us-west-2.amazonaws.com',
    'evil.example/111122223333.dkr.ecr.us-west-2.amazonaws.com',
    '111122223333.dkr.ecr.us-west-2.evil.amazonaws.com',
    '111122223333.dkr.ecr.us-west-2xamazonaws.com',
    '11112222333.dkr.ecr.us-west-2.amazonaws.com',
    '',
  ])('no token for %j, which only looks like one', (host) => {
    expect(parseEcrHost(host)).toBeUndefined();
  });
});
