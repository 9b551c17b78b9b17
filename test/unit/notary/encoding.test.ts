import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, decodeBase64Url, formatRfc3339, parseRfc3339 } from '../../../src/notary/encoding.ts';

describe('base64 has one encoding for one value (notary.md B6, B7)', () => {
  it.each([
    ['', ''],
    ['AA', '00'],
    ['_-8', 'ffef'],
    ['AAEC', '000102'],
  ])('base64url %j is %j', (text, hex) => {
    expect(decodeBase64Url(text)?.toString('hex')).toBe(hex);
  });

  it.each(['AA==', 'AB', 'A', '+A', 'A A', 'AA\n', 'AA.', 'é', 'AAE=', '\u0000'])('base64url %j is refused', (text) => {
    expect(decodeBase64Url(text)).toBeUndefined();
  });

  it.each([
    ['AA==', '00'],
    ['/+8=', 'ffef'],
    ['AAEC', '000102'],
  ])('base64 %j is %j', (text, hex) => {
    expect(decodeBase64(text)?.toString('hex')).toBe(hex);
  });

  it.each(['AA', 'AB==', 'AA=', '_-8=', 'AA==\n', 'AA==AA==', ' AA=='])('base64 %j is refused', (text) => {
    expect(decodeBase64(text)).toBeUndefined();
  });

  it('and that one is what encoding gives', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const buffer = Buffer.from(bytes);
        expect(decodeBase64Url(buffer.toString('base64url'))).toEqual(buffer);
        expect(decodeBase64(buffer.toString('base64'))).toEqual(buffer);
      }),
    );
  });
});

describe('times by RFC 3339 (notary.md B2)', () => {
  it.each([
    ['2026-06-15T12:00:00Z', '2026-06-15T12:00:00.000Z'],
    ['2026-06-15T14:30:00+02:30', '2026-06-15T12:00:00.000Z'],
    ['2026-06-15T11:00:00-01:00', '2026-06-15T12:00:00.000Z'],
    ['2026-06-15T12:00:00.5Z', '2026-06-15T12:00:00.500Z'],
    ['2026-06-15T12:00:00.123456789Z', '2026-06-15T12:00:00.123Z'],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
  ])('%s', (text, expected) => {
    expect(parseRfc3339(text)?.toISOString()).toBe(expected);
  });

  it.each([
    '2026-06-15T12:00:00',
    '2026-06-15 12:00:00Z',
    '2026-06-15t12:00:00Z',
    '2026-06-15T12:00:00z',
    '2026-06-15T12:00Z',
    '2026-06-15T24:00:00Z',
    '2026-06-15T12:60:00Z',
    '2026-06-15T12:00:60Z',
    '2026-06-31T12:00:00Z',
    '2026-02-29T12:00:00Z',
    '2026-00-15T12:00:00Z',
    '2026-06-00T12:00:00Z',
    '2026-13-15T12:00:00Z',
    '2026-06-15T12:00:00+24:00',
    '2026-06-15T12:00:00+0200',
    '2026-06-15T12:00:00.Z',
    '2026-06-15T12:00:00,5Z',
    '+02026-06-15T12:00:00Z',
    '26-06-15T12:00:00Z',
    ' 2026-06-15T12:00:00Z',
    '2026-06-15T12:00:00Z\n',
    '',
  ])('%j is none', (text) => {
    expect(parseRfc3339(text)).toBeUndefined();
  });

  it('are written in whole seconds, cut', () => {
    expect(formatRfc3339(new Date('2026-06-15T12:00:00.999Z'))).toBe('2026-06-15T12:00:00Z');
  });

  it('are read back as written', () => {
    const time = fc.date({
      min: new Date('1970-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(time, (date) => {
        expect(parseRfc3339(date.toISOString())).toEqual(date);
      }),
    );
  });
});
