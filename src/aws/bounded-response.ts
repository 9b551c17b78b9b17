import { Readable } from 'node:stream';

/** No answer that we ask of AWS comes near this: the largest is an envelope with its chain, some 10 KiB. */
export const MAX_ANSWER_BYTES = 1024 * 1024;

export class AnswerTooLargeError extends Error {
  constructor() {
    super(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    this.name = 'AnswerTooLargeError';
  }
}

/** Reads the body of an answer for the SDK, and stops as soon as it is too large. */
export async function collectBounded(stream: unknown): Promise<Uint8Array> {
  if (!(stream instanceof Readable)) throw new TypeError('expected a Node.js stream');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    size += bytes.byteLength;
    // Leaving the loop destroys the stream, and with it the connection.
    if (size > MAX_ANSWER_BYTES) throw new AnswerTooLargeError();
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
