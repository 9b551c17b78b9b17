/** A line longer than its bound. */
export class LineTooLongError extends Error {
  constructor(maxBytes: number) {
    super(`a line of the watch stream is longer than ${maxBytes} bytes`);
    this.name = 'LineTooLongError';
  }
}

const NEWLINE = 0x0a;

/**
 * Splits a stream of bytes into its lines, without their newlines; empty lines are left out.
 *
 * At most one line of `maxBytes` is held; a longer one throws LineTooLongError. What follows the last newline is
 * dropped: a stream that was cut within a line has not delivered that line, and a watch resumes before it.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const part = chunk.subarray(start, end);
      start = end + 1;
      if (heldBytes + part.length > maxBytes) {
        throw new LineTooLongError(maxBytes);
      }
      const line = heldBytes === 0 ? part : Buffer.concat([...held, part]);
      held = [];
      heldBytes = 0;
      if (line.length > 0) {
        yield Buffer.from(line.buffer, line.byteOffset, line.length).toString('utf8');
      }
    }
    const rest = chunk.subarray(start);
    if (rest.length > 0) {
      held.push(rest);
      heldBytes += rest.length;
    }
    if (heldBytes > maxBytes) {
      throw new LineTooLongError(maxBytes);
    }
  }
}
