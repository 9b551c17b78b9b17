import { type fromNodeProviderChain, fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { type AwsOptions, endpointFor } from './aws-options.ts';
import { bounds } from './client-bounds.ts';
import { defaultChain } from './default-chain.ts';

/** Credentials as the SDK wants them. */
export interface AwsCredentialIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Fixed credentials, or what finds them anew when they expire. */
export type AwsCredentials = AwsCredentialIdentity | CredentialSource;

/** The SDK passes the calling client's settings, from which it takes a region where none is configured. */
export type CredentialSource = ReturnType<typeof fromNodeProviderChain>;

const SESSION_NAME = 'sealwatch';

/**
 * Getting credentials failed: kept apart from a failure of the call they are for.
 * The original stands not in `cause`, where the SDK would find it and try the whole call again.
 */
export class CredentialsFailure extends Error {
  readonly original: unknown;
  /** Set when assuming this role failed. */
  readonly roleArn: string | undefined;

  constructor(original: unknown, roleArn: string | undefined) {
    super('no AWS credentials');
    this.name = 'CredentialsFailure';
    this.original = original;
    this.roleArn = roleArn;
  }
}

/** The operator's own credentials: those given, else the SDK's default chain, kept until shortly before they expire. */
export function baseCredentials(options: AwsOptions): CredentialSource {
  const { credentials } = options;
  if (typeof credentials === 'function') return credentials;
  if (credentials !== undefined) return async () => credentials;
  return defaultChain(options);
}

/** The credentials of a call: the base ones, or those of a role assumed with them. Rejects with CredentialsFailure. */
export function callCredentials(
  options: AwsOptions,
  base: CredentialSource,
  region: string,
  roleArn: string | undefined,
): CredentialSource {
  const source = roleArn === undefined ? base : assumedRole(options, base, region, roleArn);
  return async (properties) => {
    try {
      return await source(properties);
    } catch (error) {
      throw new CredentialsFailure(error, error instanceof CredentialsFailure ? error.roleArn : roleArn);
    }
  };
}

function assumedRole(options: AwsOptions, base: CredentialSource, region: string, roleArn: string): CredentialSource {
  const endpoint = endpointFor(options.stsEndpoint, region);
  return fromTemporaryCredentials({
    params: { RoleArn: roleArn, RoleSessionName: SESSION_NAME },
    masterCredentials: callCredentials(options, base, region, undefined),
    clientConfig: {
      region,
      ...bounds(options),
      ...(endpoint === undefined ? {} : { endpoint }),
    },
  });
}
