import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDer, readOid, readTime, TAG } from '../../../../src/notary/certificates/der.ts';
import { der } from '../../../support/der.ts';

const readOidOf = (content: Uint8Array): string => readOid(readDer(der(TAG.oid, content), TAG.oid, 'it'), 'it');
const readTimeOf = (text: string, tag: number = text.length === 13 ? TAG.utcTime : TAG.generalizedTime): Date =>
  readTime(readDer(der(tag, Buffer.from(text)), tag, 'it'), 'it');

/** Seven bits an octet, of a number of any size. */
function base128(arc: bigint): number[] {
  const digits = [Number(arc & 0x7fn)];
  for (let left = arc >> 7n; left > 0n; left >>= 7n) digits.unshift(Number(left & 0x7fn) | 0x80);
  return digits;
}

describe('an object identifier (X.690 §8.19)', () => {
  it.each([
    ['0.0', '00'],
    ['0.39', '27'],
    ['1.0', '28'],
    ['1.39', '4f'],
    ['2.0', '50'],
    ['2.47', '7f'],
    ['2.999', '8837'],
    ['1.2.840.10045.4.3.2', '2a8648ce3d040302'],
    ['2.5.29.15', '551d0f'],
  ])('%s', (text, hex) => {
    expect(readOidOf(Buffer.from(hex, 'hex'))).toBe(text);
  });

  it('of arcs of any size is exact', () => {
    const arc = fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(2n ** 44n, 2n ** 56n), fc.bigInt(0n, 2n ** 128n));
    fc.assert(
      fc.property(fc.constantFrom(0n, 1n, 2n), arc, fc.array(arc, { maxLength: 2 }), (first, second, rest) => {
        const bounded = first < 2n ? second % 40n : second;
        const content = [first * 40n + bounded, ...rest].flatMap(base128);
        fc.pre(content.length <= 64);
        expect(readOidOf(Uint8Array.from(content))).toBe([first, bounded, ...rest].join('.'));
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['an arc that does not end', '2a86'],
    ['an arc with a zero before it', '2a8001'],
    ['a first arc with a zero before it', '802a'],
    ['more than 64 octets', `2a${'01'.repeat(64)}`],
  ])('is refused: %s', (_what, hex) => {
    expect(() => readOidOf(Buffer.from(hex, 'hex'))).toThrow(/a bad OID/);
  });
});

describe('a time (RFC 5280 §4.1.2.5)', () => {
  it('is read to the second, in both forms', () => {
    const between = (from: string, to: string): fc.Arbitrary<Date> =>
      fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true }).map((date) => {
        date.setUTCMilliseconds(0);
        return date;
      });
    const digits = (date: Date): string => date.toISOString().slice(0, 19).replace(/\D/g, '');
    fc.assert(
      fc.property(between('1950-01-01T00:00:00Z', '2049-12-31T23:59:59Z'), (date) => {
        expect(readTimeOf(`${digits(date).slice(2)}Z`)).toEqual(date);
      }),
    );
    fc.assert(
      fc.property(between('1950-01-01T00:00:00Z', '9999-12-31T23:59:59Z'), (date) => {
        expect(readTimeOf(`${digits(date)}Z`)).toEqual(date);
      }),
    );
  });

  it.each([
    ['the 29th of February of a year without one', '20250229000000Z'],
    ['the 31st of April', '250431000000Z'],
    ['the month 0', '250001000000Z'],
    ['the month 13', '251301000000Z'],
    ['the day 0', '250100000000Z'],
    ['the hour 24', '250101240000Z'],
    ['the minute 60', '250101006000Z'],
    ['the second 60', '250101000060Z'],
    ['a year before 1950', '19491231235959Z'],
  ])('is refused: %s', (_what, text) => {
    expect(() => readTimeOf(text)).toThrow(/a time that does not exist/);
  });

  it.each([
    ['a zone', '250101000000+0000', TAG.utcTime],
    ['no seconds', '2501010000Z', TAG.utcTime],
    ['fractions', '20250101000000.5Z', TAG.generalizedTime],
    ['the long form under the short tag', '20250101000000Z', TAG.utcTime],
    ['the short form under the long tag', '250101000000Z', TAG.generalizedTime],
    ['a tag that is no time', '250101000000Z', TAG.utf8String],
  ])('is refused: %s', (_what, text, tag) => {
    expect(() => readTimeOf(text, tag)).toThrow(/a time that is not/);
  });
});
