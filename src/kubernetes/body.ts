import { ApiError } from './api-error.ts';
import { isTimeout } from './deadline.ts';

/**
 * Reads a body to its end, at most `maxBytes`.
 *
 * Throws ApiError TooLarge, Timeout (the signal is a deadline that passed) or Unreachable (the connection broke), or
 * the reason of a signal that the caller aborted.
 */
export async function readBounded(
  body: AsyncIterable<Uint8Array> & { destroy?(): unknown },
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      length += chunk.length;
      if (length > maxBytes) {
        throw new ApiError(`the answer of the API server is longer than ${maxBytes} bytes`, {
          status: 0,
          reason: 'TooLarge',
        });
      }
      chunks.push(chunk);
    }
  } catch (error) {
    body.destroy?.();
    if (error instanceof ApiError) {
      throw error;
    }
    if (signal.aborted) {
      throw isTimeout(signal.reason)
        ? new ApiError(`the API server gave ${(signal.reason as Error).message}`, {
            status: 0,
            reason: 'Timeout',
            cause: error,
          })
        : signal.reason;
    }
    const message = error instanceof Error ? error.message : String(error);
    throw new ApiError(`the answer of the API server broke off: ${message}`, {
      status: 0,
      reason: 'Unreachable',
      cause: error,
    });
  }
  return Buffer.concat(chunks, length);
}
