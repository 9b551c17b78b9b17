import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { AwsError } from '../aws/index.ts';
import type { Config } from '../config.ts';
import {
  anonymous,
  type CredentialProvider,
  chainCredentials,
  dockerConfigCredentials,
  type Mirrors,
  OciError,
  type OciErrorCode,
  RegistryClient,
} from '../oci/index.ts';
import type { Metrics } from '../reporting/index.ts';
import { WatchedFile } from '../settings/index.ts';
import { checkCABundle, DispatcherPool, HostLimiter } from '../transport/index.ts';
import { USER_AGENT } from '../version.ts';
import type { RegistryClients } from './registry-access.ts';

export interface RegistryClientsOptions {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly ecr: CredentialProvider;
  readonly mirrors: () => Mirrors;
}

/**
 * Makes the registry clients by the operator's configuration. They share connections where they trust the same CAs, and
 * what each host bears.
 * @throws when a configured file cannot be read
 */
export async function createRegistryClients(
  options: RegistryClientsOptions,
): Promise<RegistryClients & { readonly close: () => Promise<void> }> {
  const { config, metrics, ecr, mirrors } = options;
  const operatorCA = new WatchedFile<string | undefined>({
    path: config.registryCAFile,
    fallback: undefined,
    parse: checkCABundle,
    what: 'the CA bundle of --registry-ca',
  });
  await operatorCA.load();
  operatorCA.start(() => undefined, options.logger);
  const own = config.registryConfigFile === undefined ? anonymous : credentialsFile(config.registryConfigFile);
  const operatorCredentials = chainCredentials(own, toldAsRegistryFault(ecr));
  const plainHTTP = new Set(config.plainHTTPHosts);
  const allowsPlainHTTP = (host: string): boolean => plainHTTP.has(host) || plainHTTP.has(host.replace(/:\d+$/, ''));
  const limiter = new HostLimiter({ concurrency: config.registryConcurrency });
  const dispatchers = new DispatcherPool({
    allowAddresses: config.allowAddresses,
    connectionsPerHost: config.registryConcurrency,
  });
  const withCredentials = (credentials: CredentialProvider, extraCA: string | undefined): RegistryClient =>
    new RegistryClient({
      dispatcher: dispatchers.trusting(() => [operatorCA.current(), extraCA].filter((pem) => pem !== undefined)),
      credentials,
      plainHTTPHosts: allowsPlainHTTP,
      userAgent: USER_AGENT,
      maxAttempts: 3,
      timeoutMs: config.requestTimeoutMs,
      limiter,
      mirrors,
      onRequest: ({ registry, operation, outcome }) => metrics.registryRequest(registry, operation, outcome),
    });
  return {
    operator: withCredentials(operatorCredentials, undefined),
    withCredentials,
    operatorCredentials,
    allowsPlainHTTP,
    close: async () => {
      operatorCA.stop();
      await dispatchers.close();
    },
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
