import { type AwsOptions, DEFAULT_MAX_ATTEMPTS, DEFAULT_REQUEST_TIMEOUT_MS } from './aws-options.ts';
import { collectBounded } from './bounded-response.ts';
import { proxyEnvironment } from './proxy-environment.ts';

/** Retries with the SDK's own backoff and jitter, timeouts of each try, the size of an answer, and the way out. */
export function bounds(options: AwsOptions) {
  const timeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  const agent = { proxyEnv: proxyEnvironment(options.env ?? process.env) };
  return {
    maxAttempts: options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      // Node's own agents ask the proxy: CONNECT for https, so that TLS is AWS's end to end.
      httpAgent: agent,
      httpsAgent: agent,
    },
    streamCollector: collectBounded,
  } as const;
}
