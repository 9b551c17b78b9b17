import type { WriteFence } from '../transport/index.ts';
import type { AwsErrorCode } from './aws-error.ts';
import type { AwsCredentials } from './credentials.ts';

/** An endpoint override: one for all regions, or by region; undefined is AWS's own. */
export type AwsEndpoint = string | ((region: string) => string | undefined);

export type AwsService = 'signer' | 'ecr' | 'ecr-public';

/** One call, with its retries, as metrics count it. */
export interface AwsRequestEvent {
  readonly service: AwsService;
  /** E.g. `SignPayload`. */
  readonly operation: string;
  readonly region: string;
  readonly result: 'success' | 'aborted' | AwsErrorCode;
  /** Milliseconds, with retries. */
  readonly durationMs: number;
}

/** What every client of AWS is made with. */
export interface AwsOptions {
  readonly endpoint?: AwsEndpoint;
  /** Override for STS, by which roles are assumed. */
  readonly stsEndpoint?: AwsEndpoint;
  /** Default: the SDK's chain of environment, web identity (IRSA), container (Pod Identity), files and instance role. */
  readonly credentials?: AwsCredentials;
  /** Tries of one call; the SDK backs off between them with jitter. Default 4. */
  readonly maxAttempts?: number;
  /** Bound of one try; a call with its retries ends after `maxAttempts` times this. Default 10 s. */
  readonly requestTimeoutMs?: number;
  /** Where proxies are named, and the credentials of the default chain; default the process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** What calls that change anything ask, at each of their tries; default: they are always let through. */
  readonly fence?: WriteFence;
  readonly onRequest?: (event: AwsRequestEvent) => void;
}

export const DEFAULT_MAX_ATTEMPTS = 4;
export const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;

/** The override for a region, if any. */
export function endpointFor(endpoint: AwsEndpoint | undefined, region: string): string | undefined {
  return typeof endpoint === 'function' ? endpoint(region) : endpoint;
}
