import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotaryError } from '../../../../src/notary/index.ts';
import { parseTimestampToken } from '../../../../src/notary/timestamp/token.ts';
import { tokenOf, tsa, verifyToken } from '../../../support/timestamp-fixture.ts';

const TOKEN = tokenOf({ accuracy: { seconds: 1, millis: 2, micros: 3 }, nonce: Buffer.from([1, 2, 3]) });

/** One place of the token changed: a byte replaced, bytes taken out or put in. */
const changed = fc
  .tuple(fc.nat(TOKEN.length - 1), fc.nat(4), fc.uint8Array({ maxLength: 4 }))
  .map(([at, remove, insert]) => Buffer.concat([TOKEN.subarray(0, at), insert, TOKEN.subarray(at + remove)]));

/** Values inside of values, of tags that stand in tokens and of others. */
const nested = fc.letrec<{ value: Buffer }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc
      .tuple(fc.constantFrom(0x01, 0x02, 0x04, 0x05, 0x06, 0x17, 0x18, 0x80, 0x30), fc.uint8Array({ maxLength: 8 }))
      .map(([tag, bytes]) => Buffer.from([tag, bytes.length, ...bytes])),
    fc.tuple(fc.constantFrom(0x30, 0x31, 0xa0, 0xa1), fc.array(tie('value'), { maxLength: 5 })).map(([tag, parts]) => {
      const content = Buffer.concat(parts);
      const head =
        content.length < 0x80 ? [tag, content.length] : [tag, 0x82, content.length >> 8, content.length & 255];
      return Buffer.concat([Buffer.from(head), content]);
    }),
  ),
})).value;

function parsesOrRefuses(bytes: Uint8Array): void {
  try {
    parseTimestampToken(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(NotaryError);
    expect(error).toMatchObject({ code: 'InvalidTimestamp', message: expect.stringContaining('(notary.md ') });
  }
}

describe('the parser of timestamp tokens throws nothing but its own error (I)', () => {
  it.each<readonly [string, fc.Arbitrary<Uint8Array>]>([
    ['bytes', fc.uint8Array({ maxLength: 300 })],
    ['nested values', nested],
    ['a token with one place changed', changed],
  ])('on %s', (_name, inputs) => {
    fc.assert(fc.property(inputs, parsesOrRefuses), { numRuns: 2000 });
  });

  it('keeps nothing of what it was given: the bytes stay as they were', () => {
    const before = Buffer.from(TOKEN);
    parseTimestampToken(TOKEN);
    expect(TOKEN.equals(before)).toBe(true);
  });
});

it('no change of one byte makes another timestamp valid (I)', async () => {
  const plain = await verifyToken(TOKEN);
  expect(plain).toMatchObject({ status: 'valid' });
  await fc.assert(
    fc.asyncProperty(fc.nat(TOKEN.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const bytes = Buffer.from(TOKEN);
      bytes[at] = (bytes[at] ?? 0) ^ mask;
      const result = await verifyToken(bytes, { roots: tsa.certificates.slice(-1) });
      // Unsigned places may change (the digest algorithms of SignedData); what the timestamp says may not.
      if (result.status !== 'invalid') expect(result).toEqual(plain);
    }),
    { numRuns: 500 },
  );
});
