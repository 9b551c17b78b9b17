/** A body was larger than its reader allows. */
export class TooLargeError extends Error {
  readonly maxBytes: number;
  constructor(maxBytes: number) {
    super(`the answer is larger than ${maxBytes} bytes`);
    this.name = 'TooLargeError';
    this.maxBytes = maxBytes;
  }
}

const FIRST_BUFFER_BYTES = 16 * 1024;

/**
 * Reads a body to its end and refuses it while reading, once it is too large (notary.md A6). One buffer grows with the
 * content: a body of many tiny chunks takes no more memory than one of few large ones.
 * @param body a stream; leaving it early closes its connection
 * @returns the bytes as received: nothing is decompressed
 * @throws TooLargeError; the signal's reason; whatever the body's stream fails with
 */
export async function readBounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  let buffer = new Uint8Array(Math.min(FIRST_BUFFER_BYTES, maxBytes));
  let size = 0;
  for await (const chunk of body) {
    signal?.throwIfAborted();
    const needed = size + chunk.byteLength;
    if (needed > maxBytes) throw new TooLargeError(maxBytes);
    if (needed > buffer.byteLength) {
      const grown = new Uint8Array(Math.min(Math.max(buffer.byteLength * 2, needed), maxBytes));
      grown.set(buffer.subarray(0, size));
      buffer = grown;
    }
    buffer.set(chunk, size);
    size = needed;
  }
  return buffer.slice(0, size);
}
