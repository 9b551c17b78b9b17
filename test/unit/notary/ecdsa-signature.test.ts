import { generateKeyPairSync, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ecdsaDer } from '../../../src/notary/ecdsa-signature.ts';
import { integer, sequence } from '../../support/der.ts';

/** Without zeros before it, but for one where the first bit is set. */
function minimal(hex: string): Buffer {
  const digits = hex.replace(/^(?:00)+(?=..)/, '');
  return Buffer.from(/^[89a-f]/.test(digits) ? `00${digits}` : digits, 'hex');
}

describe('a raw signature in DER (B5, RFC 3279 §2.2.3)', () => {
  it.each([32, 48, 66])('is one SEQUENCE of two minimal integers of up to %i bytes', (bytes) => {
    const byte = fc.oneof(fc.constant(0), fc.constantFrom(0x7f, 0x80, 0xff), fc.nat(255));
    const half = fc.array(byte, { minLength: bytes, maxLength: bytes }).map((list) => Buffer.from(list));
    fc.assert(
      fc.property(half, half, (r, s) => {
        const expected = sequence(integer(minimal(r.toString('hex'))), integer(minimal(s.toString('hex'))));
        expect(Buffer.from(ecdsaDer(Buffer.concat([r, s]))).toString('hex')).toBe(expected.toString('hex'));
      }),
    );
  });

  it.each(['P-256', 'P-384', 'P-521'])('of %s verifies as the raw one does', (namedCurve) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
    const data = Buffer.from('signed');
    const raw = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    expect(verify('sha256', data, publicKey, ecdsaDer(raw))).toBe(true);
    raw.writeUInt8(raw.readUInt8(40) ^ 1, 40);
    expect(verify('sha256', data, publicKey, ecdsaDer(raw))).toBe(false);
  });
});
