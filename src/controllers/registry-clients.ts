import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { AwsError, type EcrAuthorization, parseEcrHost } from '../aws/index.ts';
import type { Config } from '../config.ts';
import {
  anonymous,
  type CredentialProvider,
  candidatesOf,
  chainCredentials,
  dockerConfigCredentials,
  type Mirrors,
  OciError,
  type OciErrorCode,
  RegistryClient,
  RegistryMemory,
  type RegistrySessionOptions,
} from '../oci/index.ts';
import { WatchedFile } from '../settings/index.ts';
import { checkCABundle, DispatcherPool, HostLimiter, type WriteFence } from '../transport/index.ts';
import { USER_AGENT } from '../version.ts';
import type { RegistryClients } from './registry-access.ts';

/** Owns what is the operator's own; no namespace has such a name. */
export const OPERATOR = '*';
const MAX_MEMORIES = 1_000;

export interface RegistryClientsOptions {
  readonly config: Config;
  /** Told of every exchange with a registry. */
  readonly onRequest?: NonNullable<RegistrySessionOptions['onRequest']>;
  /** Told whether a token was kept, of each that was asked for. */
  readonly onTokenLookup?: (isHit: boolean) => void;
  readonly logger: Logger;
  readonly ecr: EcrAuthorization;
  readonly mirrors: () => Mirrors;
  readonly fence?: WriteFence;
}

/**
 * Makes the registry clients by the operator's configuration. They share connections where they trust the same CAs, and
 * what each host bears.
 * @throws when a configured file cannot be read
 */
export async function createRegistryClients(
  options: RegistryClientsOptions,
): Promise<RegistryClients & { readonly close: () => Promise<void> }> {
  const { config, ecr, mirrors, onRequest, fence } = options;
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
  const memories = new Memories(options.onTokenLookup);
  const limiter = new HostLimiter({ concurrency: config.registryConcurrency });
  const dispatchers = new DispatcherPool({
    allowAddresses: config.allowAddresses,
    connectionsPerHost: config.registryConcurrency,
  });
  const withCredentials: RegistryClients['withCredentials'] = (credentials, extraCA, owner) =>
    new RegistryClient({
      dispatcher: dispatchers.trusting((hostname) => {
        // No tenant's CA stands between the operator's identity and AWS.
        const extra = parseEcrHost(hostname) === undefined ? extraCA : undefined;
        return [operatorCA.current(), extra].filter((pem) => pem !== undefined);
      }),
      credentials,
      memory: memories.of(owner, extraCA),
      plainHTTPHosts: allowsPlainHTTP,
      userAgent: USER_AGENT,
      maxAttempts: 3,
      timeoutMs: config.requestTimeoutMs,
      limiter,
      // What runs is asked for by the operator; all else is somebody's request.
      priority: owner === OPERATOR ? 'running' : 'requested',
      mirrors,
      ...(fence === undefined ? {} : { fence }),
      ...(onRequest === undefined ? {} : { onRequest }),
    });
  return {
    operator: withCredentials(operatorCredentials, undefined, OPERATOR),
    withCredentials,
    operatorCredentials,
    ecrCredentialsAs: (identity) => toldAsRegistryFault(ecr.as(identity)),
    allowsPlainHTTP,
    close: async () => {
      operatorCA.stop();
      await dispatchers.close();
    },
  };
}

/** What registries told, by who asked and which further CA was trusted. A tenant's CA is believed by that tenant alone. */
class Memories {
  readonly #memories = new Map<string, RegistryMemory>();
  readonly #onTokenLookup: ((isHit: boolean) => void) | undefined;

  constructor(onTokenLookup: ((isHit: boolean) => void) | undefined) {
    this.#onTokenLookup = onTokenLookup;
  }

  of(owner: string, ca: string | undefined): RegistryMemory {
    const key = createHash('sha256')
      .update(JSON.stringify([owner, ca ?? '']))
      .digest('base64');
    const memory = this.#memories.get(key) ?? new RegistryMemory(this.#onTokenLookup);
    // The one that was not used for longest goes first.
    this.#memories.delete(key);
    this.#memories.set(key, memory);
    const oldest = this.#memories.keys().next().value;
    if (this.#memories.size > MAX_MEMORIES && oldest !== undefined) this.#memories.delete(oldest);
    return memory;
  }
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

/**
 * Reads the file whenever credentials are looked for, so that a changed Secret volume is seen without a restart. One that
 * cannot be read or parsed leaves the operator without credentials of its own, and the fault is told where they were needed.
 */
export function credentialsFile(path: string): CredentialProvider {
  const read = async (): Promise<CredentialProvider> => {
    try {
      return dockerConfigCredentials(await readFile(path, 'utf8'));
    } catch (error) {
      const reason = error instanceof OciError ? error.message : 'it cannot be read';
      throw new OciError('Unauthorized', `--registry-config ${path}: ${reason}`, { cause: error });
    }
  };
  return {
    credentialsFor: async (registry, repository, signal) => (await read()).credentialsFor(registry, repository, signal),
    candidatesFor: async function* (registry, repository, signal) {
      yield* candidatesOf(await read(), registry, repository, signal);
    },
  };
}
