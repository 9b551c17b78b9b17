import { fromHttp, fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { printable } from '../transport/index.ts';
import { type AwsOptions, endpointFor } from './aws-options.ts';
import { bounds } from './client-bounds.ts';
import type { CredentialSource } from './credentials.ts';

const DEFAULT_STS_REGION = 'us-east-1';

/**
 * No source of the default chain gave credentials.
 * What the last one said stands not in `cause`, where the SDK would find it and try the whole call again.
 */
export class ChainError extends Error {
  /** What was tried, in the chain's order: no secret is among it. */
  readonly tried: string;
  readonly original: unknown;

  constructor(tried: string, original: unknown) {
    super(`no source has AWS credentials: ${tried}`);
    this.name = 'ChainError';
    this.tried = tried;
    this.original = original;
  }
}

/**
 * The SDK's default chain: environment keys, shared files, web identity (IRSA), container (EKS Pod Identity), instance
 * metadata. What it finds is kept until shortly before it expires; token files are read anew each time, since they are
 * rotated while the operator runs. Rejects with ChainError.
 */
export function defaultChain(options: AwsOptions): CredentialSource {
  const { env = process.env } = options;
  // Not the region of whichever call comes first: a tenant's image names that one.
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
  const endpoint = endpointFor(options.stsEndpoint, region ?? DEFAULT_STS_REGION);
  const chain = fromNodeProviderChain({
    clientConfig: {
      ...bounds(options),
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
    },
  });
  return async (properties) => {
    try {
      return await chain(properties);
    } catch (error) {
      if (!isSet(env, 'AWS_CONTAINER_CREDENTIALS_FULL_URI') || hasWebIdentity(env)) throw chainError(env, error);
    }
    // The chain forgets what the container's service said: it is asked once more, to have it told.
    try {
      return await fromHttp({ maxRetries: 0 })();
    } catch (error) {
      throw chainError(env, error);
    }
  };
}

function chainError(env: NodeJS.ProcessEnv, error: unknown): ChainError {
  return new ChainError(describeSources(env), error);
}

/** Names what the chain tried, up to the source that is configured: there it ends. */
export function describeSources(env: NodeJS.ProcessEnv): string {
  const tried = [describeKeys(env), describeFiles(env)];
  if (hasWebIdentity(env)) {
    const [file, role] = [env['AWS_WEB_IDENTITY_TOKEN_FILE'], env['AWS_ROLE_ARN']];
    tried.push(`web identity (AWS_WEB_IDENTITY_TOKEN_FILE ${shown(file)}, AWS_ROLE_ARN ${shown(role)})`);
    return tried.join(', ');
  }
  const missing = isSet(env, 'AWS_WEB_IDENTITY_TOKEN_FILE') ? 'AWS_ROLE_ARN' : 'AWS_WEB_IDENTITY_TOKEN_FILE';
  tried.push(`web identity (${missing} is not set)`);
  const container = ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', 'AWS_CONTAINER_CREDENTIALS_FULL_URI'] as const;
  const name = container.find((one) => isSet(env, one));
  if (name !== undefined) {
    const token = env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'];
    const file = token === undefined ? '' : `, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ${shown(token)}`;
    return [...tried, `container credentials (${name} ${shownUrl(env[name])}${file})`].join(', ');
  }
  tried.push('container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI is not set)');
  const isOff = isSet(env, 'AWS_EC2_METADATA_DISABLED') && env['AWS_EC2_METADATA_DISABLED'] !== 'false';
  tried.push(`instance metadata${isOff ? ' (off by AWS_EC2_METADATA_DISABLED)' : ''}`);
  return tried.join(', ');
}

function describeKeys(env: NodeJS.ProcessEnv): string {
  if (isSet(env, 'AWS_PROFILE')) return 'environment keys (passed over, since AWS_PROFILE is set)';
  const missing = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].find((name) => !isSet(env, name));
  return `environment keys (${missing === undefined ? 'AWS_ACCESS_KEY_ID' : `${missing} is not set`})`;
}

function describeFiles(env: NodeJS.ProcessEnv): string {
  return `shared files (${isSet(env, 'AWS_PROFILE') ? `AWS_PROFILE ${shown(env['AWS_PROFILE'])}` : 'profile default'})`;
}

function hasWebIdentity(env: NodeJS.ProcessEnv): boolean {
  return isSet(env, 'AWS_WEB_IDENTITY_TOKEN_FILE') && isSet(env, 'AWS_ROLE_ARN');
}

function isSet(env: NodeJS.ProcessEnv, name: string): boolean {
  return (env[name] ?? '') !== '';
}

function shown(value: string | undefined): string {
  return printable(value ?? '', 120);
}

/** Without user name, password and query. */
function shownUrl(text: string | undefined): string {
  const url = URL.canParse(text ?? '') ? new URL(text ?? '') : undefined;
  return url === undefined ? shown(text?.replace(/[?#].*$/s, '')) : shown(`${url.origin}${url.pathname}`);
}
