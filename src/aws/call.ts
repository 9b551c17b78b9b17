import { performance } from 'node:perf_hooks';
import { untilAborted, withDeadline } from '../transport/index.ts';
import { AwsError } from './aws-error.ts';
import {
  type AwsOptions,
  type AwsRequestEvent,
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_REQUEST_TIMEOUT_MS,
} from './aws-options.ts';
import { type CallSubject, toAwsError } from './error-mapping.ts';

export interface Call<T> extends CallSubject {
  readonly service: AwsRequestEvent['service'];
  readonly region: string;
  readonly send: (signal: AbortSignal) => Promise<T>;
}

/**
 * One call through the SDK: bounded in time whatever the SDK waits for (a token endpoint, a backoff), told to metrics,
 * its failure mapped. Rejects with AwsError, or with the signal's own reason when the caller gave up.
 */
export async function callAws<T>(call: Call<T>, options: AwsOptions, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { maxAttempts = DEFAULT_MAX_ATTEMPTS, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS } = options;
  const timeoutMs = maxAttempts * requestTimeoutMs;
  const started = performance.now();
  const tell = (result: AwsRequestEvent['result']): void => {
    const { service, operation, region } = call;
    options.onRequest?.({ service, operation, region, result, durationMs: performance.now() - started });
  };
  try {
    // Its timer ends with the call: the sweep makes one for every signature, again and again.
    const answer = await withDeadline(timeoutMs, signal, ({ signal: bound }) =>
      // The SDK itself does not look at the signal while it gets credentials.
      untilAborted(call.send(bound), bound).catch((error: unknown) => {
        throw bound.aborted && !signal.aborted ? timedOut(call, timeoutMs) : error;
      }),
    );
    tell('success');
    return answer;
  } catch (error) {
    if (signal.aborted) {
      tell('aborted');
      throw signal.reason;
    }
    const mapped = error instanceof AwsError ? error : toAwsError(error, call);
    tell(mapped.code);
    throw mapped;
  }
}

function timedOut({ operation, target }: CallSubject, timeoutMs: number): AwsError {
  return new AwsError(
    'Unavailable',
    `${operation} with ${target}: no answer within ${timeoutMs} ms; check that the operator can reach AWS`,
  );
}
