import { readFile } from 'node:fs/promises';
import { AwsError, type EcrAuthorization } from '../aws/index.ts';
import type { Config } from '../config.ts';
import {
  anonymous,
  type CredentialProvider,
  chainCredentials,
  dockerConfigCredentials,
  OciError,
  type OciErrorCode,
  RegistryClient,
} from '../oci/index.ts';
import type { Metrics } from '../reporting/index.ts';
import { createDispatcher } from '../transport/index.ts';
import { USER_AGENT } from '../version.ts';
import type { RegistryClients } from './registry-access.ts';

/** Makes the registry clients by the operator's configuration. @throws when a configured file cannot be read */
export async function createRegistryClients(
  config: Config,
  metrics: Metrics,
  ecr: EcrAuthorization,
): Promise<RegistryClients> {
  const ca = config.registryCAFile === undefined ? undefined : await readFile(config.registryCAFile, 'utf8');
  const own = config.registryConfigFile === undefined ? anonymous : credentialsFile(config.registryConfigFile);
  const operatorCredentials = chainCredentials(own, toldAsRegistryFault(ecr));
  const plainHTTP = new Set(config.plainHTTPHosts);
  const allowsPlainHTTP = (host: string): boolean => plainHTTP.has(host) || plainHTTP.has(host.replace(/:\d+$/, ''));
  const withCredentials = (credentials: CredentialProvider, extraCA: string | undefined): RegistryClient => {
    const cas = [ca, extraCA].filter((pem) => pem !== undefined);
    return new RegistryClient({
      dispatcher:
        cas.length === 0 ? shared : createDispatcher({ allowAddresses: config.allowAddresses, ca: cas.join('\n') }),
      credentials,
      plainHTTPHosts: allowsPlainHTTP,
      userAgent: USER_AGENT,
      maxAttempts: 3,
      timeoutMs: config.requestTimeoutMs,
      onRequest: ({ registry, operation, outcome }) => metrics.registryRequest(registry, operation, outcome),
    });
  };
  const shared = createDispatcher({ allowAddresses: config.allowAddresses, ...(ca === undefined ? {} : { ca }) });
  return {
    operator: withCredentials(operatorCredentials, undefined),
    withCredentials,
    operatorCredentials,
    ecrCredentialsAs: (identity) => toldAsRegistryFault(ecr.as(identity)),
    allowsPlainHTTP,
  };
}

/** Credentials that AWS does not give are a fault of the registry's: the verdict is Unknown, with what AWS said. */
export function toldAsRegistryFault(provider: CredentialProvider): CredentialProvider {
  return {
    credentialsFor: async (registry, repository, signal) => {
      try {
        return await provider.credentialsFor(registry, repository, signal);
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        const message = `credentials for ${registry}/${repository}: ${error.message}`;
        throw new OciError(codeOf(error), message, { cause: error });
      }
    },
  };
}

function codeOf({ code }: AwsError): OciErrorCode {
  switch (code) {
    case 'Throttled':
      return 'RateLimited';
    case 'Unavailable':
      return 'Unreachable';
    default:
      return 'Unauthorized';
  }
}

/** Reads the file at each use, so that a changed Secret volume is seen without a restart. */
function credentialsFile(path: string): CredentialProvider {
  return {
    credentialsFor: async (registry, repository, signal) =>
      dockerConfigCredentials(await readFile(path, 'utf8')).credentialsFor(registry, repository, signal),
  };
}
