import { type AwsOptions, DEFAULT_MAX_ATTEMPTS, DEFAULT_REQUEST_TIMEOUT_MS } from './aws-options.ts';
import { collectBounded } from './bounded-response.ts';

/** Retries with the SDK's own backoff and jitter, timeouts of each try, and the size of an answer. */
export function bounds(options: AwsOptions) {
  const timeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  return {
    maxAttempts: options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    retryMode: 'standard',
    requestHandler: { connectionTimeout: timeoutMs, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
    streamCollector: collectBounded,
  } as const;
}
