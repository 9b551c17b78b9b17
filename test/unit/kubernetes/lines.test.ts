import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineTooLongError, splitLines } from '../../../src/kubernetes/lines.ts';

async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const size of sizes) {
    yield bytes.subarray(start, start + size);
    start += size;
  }
  yield bytes.subarray(start);
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const collected: string[] = [];
  for await (const line of lines) {
    collected.push(line);
  }
  return collected;
}

describe('splitLines', () => {
  it('gives the same lines however the bytes are cut, also within a character', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '😀', '"'), minLength: 1, maxLength: 12 }), {
          maxLength: 8,
        }),
        fc.array(fc.nat(9), { maxLength: 12 }),
        async (lines, sizes) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8');
          expect(await collect(splitLines(chunked(bytes, sizes), 1000))).toEqual(lines);
        },
      ),
    );
  });

  it('leaves out empty lines and what follows the last newline', async () => {
    const bytes = Buffer.from('a\n\n\nb\ncut off');
    expect(await collect(splitLines(chunked(bytes, [3, 2]), 1000))).toEqual(['a', 'b']);
  });

  it.each([
    ['a line with its newline', '12345678901\n', []],
    ['a line still without one', '12345678901', []],
    ['a line of many chunks', '12345678901\n', [4, 4, 2]],
  ])('refuses a line over its bound: %s', async (_what, text, sizes) => {
    const lines = splitLines(chunked(Buffer.from(text), sizes), 10);
    await expect(collect(lines)).rejects.toThrow(LineTooLongError);
  });

  it('takes a line of exactly its bound', async () => {
    expect(await collect(splitLines(chunked(Buffer.from('1234567890\n'), [5]), 10))).toEqual(['1234567890']);
  });
});
