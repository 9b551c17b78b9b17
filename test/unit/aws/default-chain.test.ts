import { describe, expect, it } from 'vitest';
import { describeSources } from '../../../src/aws/default-chain.ts';

const FILES = 'shared files (profile default)';
const NO_KEYS = 'environment keys (AWS_ACCESS_KEY_ID is not set)';
const NO_WEB = 'web identity (AWS_WEB_IDENTITY_TOKEN_FILE is not set)';
const NO_CONTAINER = 'container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI is not set)';

describe('what the default chain tried (aws.md, "Amazon ECR")', () => {
  it.each<[string, NodeJS.ProcessEnv, string]>([
    ['nothing is set', {}, `${NO_KEYS}, ${FILES}, ${NO_WEB}, ${NO_CONTAINER}, instance metadata`],
    [
      'half a key',
      { AWS_ACCESS_KEY_ID: 'AKIAX' },
      `environment keys (AWS_SECRET_ACCESS_KEY is not set), ${FILES}, ${NO_WEB}, ${NO_CONTAINER}, instance metadata`,
    ],
    [
      'a profile, before which keys are passed over',
      { AWS_PROFILE: 'prod', AWS_ACCESS_KEY_ID: 'AKIAX', AWS_SECRET_ACCESS_KEY: 's' },
      `environment keys (passed over, since AWS_PROFILE is set), shared files (AWS_PROFILE prod), ${NO_WEB}, ${NO_CONTAINER}, instance metadata`,
    ],
    [
      'IRSA, where the chain ends',
      {
        AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/token',
        AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/x',
        AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials',
      },
      `${NO_KEYS}, ${FILES}, web identity (AWS_WEB_IDENTITY_TOKEN_FILE /var/run/token, AWS_ROLE_ARN arn:aws:iam::111122223333:role/x)`,
    ],
    [
      'half of IRSA',
      { AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/token', AWS_EC2_METADATA_DISABLED: 'true' },
      `${NO_KEYS}, ${FILES}, web identity (AWS_ROLE_ARN is not set), ${NO_CONTAINER}, instance metadata (off by AWS_EC2_METADATA_DISABLED)`,
    ],
    [
      'Pod Identity, without what the address may hide',
      {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://user:secret@169.254.170.23/v1/credentials?token=secret',
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/var/run/pod-token',
        AWS_CONTAINER_AUTHORIZATION_TOKEN: 'secret',
      },
      `${NO_KEYS}, ${FILES}, ${NO_WEB}, container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI http://169.254.170.23/v1/credentials, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE /var/run/pod-token)`,
    ],
  ])('%s', (_name, env, expected) => {
    expect(describeSources(env)).toBe(expected);
  });
});
