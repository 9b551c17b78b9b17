import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import {
  ECRPUBLICClient,
  GetAuthorizationTokenCommand as GetPublicAuthorizationTokenCommand,
} from '@aws-sdk/client-ecr-public';
import { AwsError } from './aws-error.ts';
import type { AwsOptions } from './aws-options.ts';
import { callAws } from './call.ts';
import { clientConfig } from './client-config.ts';
import type { CredentialSource } from './credentials.ts';
import { ECR_PUBLIC_REGION, type EcrHost } from './ecr-host.ts';
import type { AuthorizationToken } from './ecr-token.ts';

/** One of ECR's APIs, asked with one identity. */
export interface EcrApi {
  /** Rejects with AwsError. @param host for messages */
  readonly authorizationToken: (host: string) => Promise<AuthorizationToken>;
  readonly close: () => void;
}

/** The API that gives tokens for a host: of its region, by FIPS or over IPv6 where the host is; ECR Public has its own. */
export function ecrApi(
  host: EcrHost,
  options: AwsOptions,
  base: CredentialSource,
  roleArn: string | undefined,
): EcrApi {
  return host.kind === 'public' ? publicApi(options, base, roleArn) : privateApi(host, options, base, roleArn);
}

function privateApi(
  { region, fips, dualStack }: Extract<EcrHost, { readonly kind: 'private' }>,
  options: AwsOptions,
  base: CredentialSource,
  roleArn: string | undefined,
): EcrApi {
  const config = clientConfig(options, base, region, roleArn);
  const variant =
    config.endpoint === undefined
      ? { ...(fips ? { useFipsEndpoint: true } : {}), ...(dualStack ? { useDualstackEndpoint: true } : {}) }
      : {};
  const client = new ECRClient({ ...config, ...variant });
  return {
    authorizationToken: async (host) => {
      const { authorizationData } = await call('ecr', region, host, options, (abortSignal) =>
        client.send(new GetAuthorizationTokenCommand({}), { abortSignal }),
      );
      return decode(authorizationData?.[0], host);
    },
    close: () => client.destroy(),
  };
}

function publicApi(options: AwsOptions, base: CredentialSource, roleArn: string | undefined): EcrApi {
  const client = new ECRPUBLICClient(clientConfig(options, base, ECR_PUBLIC_REGION, roleArn));
  return {
    authorizationToken: async (host) => {
      const { authorizationData } = await call('ecr-public', ECR_PUBLIC_REGION, host, options, (abortSignal) =>
        client.send(new GetPublicAuthorizationTokenCommand({}), { abortSignal }),
      );
      return decode(authorizationData, host);
    },
    close: () => client.destroy(),
  };
}

/** The flight is everybody's: no caller's signal ends it, only its own deadline. */
function call<T>(
  service: 'ecr' | 'ecr-public',
  region: string,
  target: string,
  options: AwsOptions,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return callAws(
    { service, operation: 'GetAuthorizationToken', target, notFound: 'RequestRejected', region, send },
    options,
    new AbortController().signal,
  );
}

function decode(
  data: { readonly authorizationToken?: string | undefined; readonly expiresAt?: Date | undefined } | undefined,
  host: string,
): AuthorizationToken {
  const decoded = Buffer.from(data?.authorizationToken ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon <= 0 || data?.expiresAt === undefined) {
    const message = `GetAuthorizationToken with ${host}: expected a token and its expiry; found none`;
    throw new AwsError('Unavailable', message);
  }
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1), expiresAt: data.expiresAt };
}
