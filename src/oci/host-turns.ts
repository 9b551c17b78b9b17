import { HostBusyError, type HostLimiter, type TurnPriority } from '../transport/index.ts';
import { OciError } from './error.ts';
import { type HttpAnswer, retryAfter } from './http.ts';

/**
 * Waits for the turn of a request at its host.
 * @returns to be called when it has been answered
 * @throws OciError RateLimited when the host asked to wait longer than the request has; Timeout when it is merely slow
 */
export async function takeTurn(
  limiter: HostLimiter,
  request: { readonly url: URL; readonly what: string; readonly endsAt: number; readonly signal: AbortSignal } & {
    readonly priority: TurnPriority;
  },
): Promise<() => void> {
  try {
    const remainingMs = request.endsAt - performance.now();
    return await limiter.enter(request.url.host, remainingMs, request.signal, request.priority);
  } catch (error) {
    if (!(error instanceof HostBusyError)) throw error;
    const message = `${request.what}: ${error.message}`;
    if (!error.isThrottled) throw new OciError('Timeout', message, { cause: error });
    throw new OciError('RateLimited', message, { retryAfterMs: error.retryAfterMs, cause: error });
  }
}

/** Tells the limiter what a host bears: 429, and 503 where it says for how long (RFC 9110 §10.2.3). */
export function learnFrom(limiter: HostLimiter, host: string, answer: HttpAnswer): void {
  const retryAfterMs = retryAfter(answer.headers.get('retry-after'));
  if (answer.status === 429 || (answer.status === 503 && retryAfterMs !== undefined))
    limiter.throttled(host, retryAfterMs);
  else if (answer.status < 500) limiter.answered(host);
}
