import { describe, expect, it } from 'vitest';
import { NotaryError } from '../../../src/notary/error.ts';
import { decodeStrictCbor } from '../../../src/notary/strict-cbor.ts';
import { type CborItem, encodeCbor, head } from '../../support/cbor.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function refused(bytes: Uint8Array, times = false): NotaryError {
  try {
    decodeStrictCbor(bytes, 'the thing', times);
  } catch (error) {
    if (error instanceof NotaryError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('strict CBOR reads (C1)', () => {
  it.each<readonly [string, string, unknown]>([
    ['integers', '84 00 17 1818 1a00010000', [0, 23, 24, 65536]],
    ['negative integers', '83 20 3818 3b001ffffffffffffe', [-1, -25, Number.MIN_SAFE_INTEGER]],
    ['text', '82 60 62c3bc', ['', 'ü']],
    ['text that begins with a byte order mark, and keeps it', '64 efbbbf61', '\ufeffa'],
    ['bytes', '82 40 420102', [new Uint8Array(), new Uint8Array([1, 2])]],
    ['simple values', '83 f4 f5 f6', [false, true, null]],
    [
      'labels of both types, which are not the same',
      'a2 01 02 6131 03',
      new Map<unknown, number>([
        [1, 2],
        ['1', 3],
      ]),
    ],
    [
      'labels in any order',
      'a3 6162 01 03 02 6161 03',
      new Map<unknown, number>([
        ['b', 1],
        [3, 2],
        ['a', 3],
      ]),
    ],
    ['maps in maps', 'a1 00 a1 00 a0', new Map([[0, new Map([[0, new Map()]])]])],
  ])('%s', (_name, written, expected) => {
    expect(decodeStrictCbor(hex(written), 'the thing')).toEqual(expected);
  });

  it('times of the outermost map, where they are allowed (C2)', () => {
    const value = decodeStrictCbor(hex('a1 61 74 c1 1a 6a2fe0c0'), 'the thing', true);
    expect(value).toEqual(new Map([['t', new Date(0x6a2fe0c0 * 1000)]]));
    expect(decodeStrictCbor(hex('a1 00 c1 20'), 'the thing', true)).toEqual(new Map([[0, new Date(-1000)]]));
  });

  it('the first and the last second that RFC 3339 can write (C2)', () => {
    for (const [seconds, shown] of [
      [-62_167_219_200, '0000-01-01T00:00:00.000Z'],
      [253_402_300_799, '9999-12-31T23:59:59.000Z'],
    ] as const) {
      const map = Buffer.concat([hex('a100c1'), encodeCbor(seconds)]);
      expect((decodeStrictCbor(map, 'the thing', true) as Map<number, Date>).get(0)?.toISOString()).toBe(shown);
    }
  });

  it('a copy: bytes that change later change nothing', () => {
    const bytes = Buffer.concat([Buffer.alloc(100), hex('4201 02')]);
    const value = decodeStrictCbor(bytes.subarray(100), 'the thing');
    bytes.fill(0xff);
    expect(value).toEqual(new Uint8Array([1, 2]));
  });
});

describe('strict CBOR is refused for (C1)', () => {
  it.each<readonly [string, string, RegExp]>([
    ['nothing', '', /did not find any content/],
    ['a break', 'ff', /indefinite length/],
    ['a break inside an array', '82 00 ff', /indefinite length/],
    ['an array of indefinite length', '9f 00 ff', /indefinite length/],
    ['a map of indefinite length', 'bf ff', /indefinite length/],
    ['bytes of indefinite length', '5f 4100 ff', /indefinite length/],
    ['text of indefinite length', '7f 6161 ff', /indefinite length/],
    ['23 in two bytes', '1817', /more bytes than necessary/],
    ['255 in three bytes', '1900ff', /more bytes than necessary/],
    ['65535 in five bytes', '1a0000ffff', /more bytes than necessary/],
    ['4294967295 in nine bytes', '1b00000000ffffffff', /more bytes than necessary/],
    ['-24 in two bytes', '3817', /more bytes than necessary/],
    ['a length of bytes in two bytes', '5801 00', /more bytes than necessary/],
    ['a length of text in three bytes', '790001 61', /more bytes than necessary/],
    ['a length of an array in two bytes', '9801 00', /more bytes than necessary/],
    ['a length of a map in nine bytes', 'bb0000000000000001 00 00', /more bytes than necessary/],
    ['an integer beyond 2^53', '1b0020000000000000', /safe integer range/],
    ['an integer below -2^53', '3b001fffffffffffff', /safe integer range/],
    ['a label twice', 'a2 00 00 00 00', /repeat map key/],
    ['a label twice in a map in a map', 'a1 00 a2 6161 00 6161 01', /repeat map key/],
    ['a float', 'f90000', /floating-point number/],
    ['a double', 'fb0000000000000000', /floating-point number/],
    ['not a number', 'f97e00', /floating-point number/],
    ['undefined', 'f7', /undefined/],
    ['a simple value', 'e0', /simple values/],
    ['a simple value of two bytes', 'f8ff', /simple values/],
    ['a reserved additional information', '1c', /invalid minor/],
    ['a tag', 'c1 00', /has the tag 1, where none may be/],
    ['a tag inside', '81 c2 41 01', /has the tag 2, where none may be/],
    ['a label of bytes', 'a1 41 00 00', /label of the type bytes/],
    ['a label that is a list', 'a1 80 00', /label of the type array/],
    ['a label that is false', 'a1 f4 00', /label of the type false/],
    ['a label of bytes in a map in a list', '81 a1 41 00 00', /label of the type bytes/],
    ['text that is not UTF-8', '61 80', /not valid UTF-8/],
    ['a long text that is not UTF-8', `7828${'61'.repeat(39)}ff`, /not valid UTF-8/],
    ['text in the overlong form', '62 c0 80', /not valid UTF-8/],
    ['bytes that end too early', '4201', /not enough data/],
    ['an array that ends too early', '82 00', /ends too early/],
    ['a map without its last value', 'a1 00', /ends too early|not enough/],
    ['bytes after the end', '00 00', /too many terminals/],
  ])('%s', (_name, written, message) => {
    const error = refused(hex(written));
    expect(error).toMatchObject({ code: 'MalformedEnvelope', rule: 'C1' });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^the thing .*\(notary\.md C1\)$/);
  });

  it.each<readonly [string, string, RegExp]>([
    ['a time as a label', 'a1 c1 00 00', /label of the type tag/],
    ['a time in a list', '81 c1 00', /tag 1, where none may be/],
    ['a time alone', 'c1 00', /tag 1, where none may be/],
    ['a time in a map in a map', 'a1 00 a1 00 c1 00', /tag 1, where none may be/],
    ['text under tag 1', 'a1 00 c1 60', /time of the type string/],
    ['a float under tag 1', 'a1 00 c1 f93c00', /floating-point number/],
    ['tag 0', 'a1 00 c0 00', /tag 0, where none may be/],
    ['a second after the year 9999', 'a1 00 c1 1b0000003afff44180', /a time of 253402300800 seconds/],
  ])('a time in the wrong place or form: %s (C2)', (_name, written, message) => {
    expect(refused(hex(written), true).message).toMatch(message);
  });
});

describe('hostile CBOR is refused without harm (C1)', () => {
  const nested = (major: number, depth: number): Buffer =>
    Buffer.concat([Buffer.alloc(depth, (major << 5) | 1), hex('00')]);

  it('a hundred thousand arrays in one another', () => {
    expect(refused(nested(4, 100_000)).message).toMatch(/nested deeper than 32 levels/);
  });

  it('a hundred thousand maps and tags in one another', () => {
    const maps = Buffer.concat([...Array.from({ length: 100_000 }, () => hex('a100')), hex('00')]);
    expect(refused(maps).message).toMatch(/nested deeper than 32 levels/);
    expect(refused(Buffer.alloc(100_000, 0xc1), true).message).toMatch(/tag 1, where none may be/);
    expect(refused(Buffer.concat([hex('a100'), Buffer.alloc(100_000, 0xc1)]), true).message).toMatch(
      /time of the type tag/,
    );
  });

  it('depth is counted where a value is, not over all that came before', () => {
    const deep = (depth: number): CborItem => (depth === 0 ? 0 : [deep(depth - 1)]);
    expect(() => decodeStrictCbor(encodeCbor(deep(32)), 'the thing')).not.toThrow();
    expect(refused(encodeCbor(deep(33))).message).toMatch(/nested deeper/);
    const wide = Array.from({ length: 100 }, () => deep(10));
    expect(() => decodeStrictCbor(encodeCbor(wide), 'the thing')).not.toThrow();
  });

  it.each([4, 5])('lengths that are not there, of major type %i', (major) => {
    for (const claimed of [100, 1e6, 2 ** 32, 2 ** 52]) {
      const begin = performance.now();
      expect(refused(Buffer.concat([head(major, claimed), hex('0000')])).message).toMatch(/ends too early/);
      expect(performance.now() - begin).toBeLessThan(2000);
    }
    expect(refused(Buffer.concat([head(major, 2 ** 53 - 1), hex('00')])).message).toMatch(/ends too early/);
  });

  it.each([2, 3])('lengths of strings that are not there, of major type %i', (major) => {
    for (const claimed of [100, 2 ** 32, 2 ** 53 - 1]) {
      expect(refused(Buffer.concat([head(major, claimed), hex('00')])).message).toMatch(/not enough data/);
    }
  });

  it('ten thousand items and one', () => {
    const list = (count: number): Buffer => encodeCbor(Array.from({ length: count }, () => 0));
    expect(() => decodeStrictCbor(list(9999), 'the thing')).not.toThrow();
    expect(refused(list(10_000)).message).toMatch(/more than 10000 items/);
    const many = Buffer.concat([head(4, 30 * 1024 * 1024), Buffer.alloc(30 * 1024 * 1024)]);
    expect(refused(many).message).toMatch(/more than 10000 items/);
  });

  it('labels that are members of every object', () => {
    const map = decodeStrictCbor(
      encodeCbor(
        new Map<string, CborItem>([
          ['__proto__', new Map()],
          ['constructor', 1],
        ]),
      ),
      'the thing',
    );
    expect([...(map as Map<string, unknown>).keys()]).toEqual(['__proto__', 'constructor']);
  });
});
