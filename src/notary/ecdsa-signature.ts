import { TAG } from './certificates/der.ts';

/** A raw signature r||s (notary.md B5) as Ecdsa-Sig-Value, DER (RFC 3279 §2.2.3): up to P-521. */
export function ecdsaDer(signature: Uint8Array): Uint8Array {
  const half = signature.byteLength / 2;
  const [r, s] = [integer(signature.subarray(0, half)), integer(signature.subarray(half))];
  const length = r.byteLength + s.byteLength;
  const header = length < 0x80 ? [TAG.sequence, length] : [TAG.sequence, 0x81, length];
  return Buffer.concat([Buffer.from(header), r, s]);
}

/** A number that is not negative: without zeros before it, but for one where its first bit is set (X.690 §8.3). */
function integer(number: Uint8Array): Uint8Array {
  let start = 0;
  while (start < number.byteLength - 1 && number[start] === 0) start += 1;
  const digits = number.subarray(start);
  const isPadded = (digits[0] ?? 0) >= 0x80;
  const length = digits.byteLength + Number(isPadded);
  return Buffer.concat([Buffer.from(isPadded ? [TAG.integer, length, 0] : [TAG.integer, length]), digits]);
}
