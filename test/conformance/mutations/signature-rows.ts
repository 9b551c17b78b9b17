import { generateKeyPairSync, sign } from 'node:crypto';
import type { Hooks } from './forge.ts';
import { FAILS, type Mutation, mutationsOf, type Options } from './mutation.ts';

const flip =
  (index: number): ((bytes: Buffer) => Buffer) =>
  (bytes) => {
    const at = index < 0 ? bytes.length + index : index;
    return Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)));
  };
const half = (signature: Buffer): number => signature.length / 2;
const rOf = (signature: Buffer): Buffer => signature.subarray(0, half(signature));
const sOf = (signature: Buffer): Buffer => signature.subarray(half(signature));
const signature = (change: (signature: Buffer) => Buffer): Hooks => ({ signature: change });
const otherEcKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const otherRsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

const RSA: Options = { kind: 'RSA' };
const DOES_NOT_VERIFY = /signature does not verify with the key of the leaf/;

/** The signature itself, of both formats: everything else is as it must be. */
export const SIGNATURE_MUTATIONS: readonly Mutation[] = mutationsOf(
  [
    ['B5', 'a bit turned in r', signature(flip(0)), DOES_NOT_VERIFY],
    ['B5', 'a bit turned in s', signature(flip(-1)), DOES_NOT_VERIFY],
    ['B5', 'r and s changed over', signature((s) => Buffer.concat([sOf(s), rOf(s)])), DOES_NOT_VERIFY],
    ['B5', 'r twice', signature((s) => Buffer.concat([rOf(s), rOf(s)])), DOES_NOT_VERIFY],
    ['B5', 'r that is zero', signature((s) => Buffer.concat([Buffer.alloc(half(s)), sOf(s)])), DOES_NOT_VERIFY],
    ['B5', 's that is zero', signature((s) => Buffer.concat([rOf(s), Buffer.alloc(half(s))])), DOES_NOT_VERIFY],
    ['B5', 'nothing but zeros', signature((s) => Buffer.alloc(s.length)), DOES_NOT_VERIFY],
    ['B5', 'nothing but ones', signature((s) => Buffer.alloc(s.length, 0xff)), DOES_NOT_VERIFY],
    ['B5', 'the last byte cut off', signature((s) => s.subarray(0, -1)), DOES_NOT_VERIFY],
    ['B5', 'a byte too much', signature((s) => Buffer.concat([s, Buffer.alloc(1)])), DOES_NOT_VERIFY],
    [
      'B5',
      'a zero byte before r and before s',
      signature((s) => Buffer.concat([Buffer.alloc(1), rOf(s), Buffer.alloc(1), sOf(s)])),
      DOES_NOT_VERIFY,
    ],
    ['B5', 'the signature twice', signature((s) => Buffer.concat([s, s])), DOES_NOT_VERIFY],
    ['B5', 'ECDSA as DER', { signing: (s) => ({ ...s, dsaEncoding: 'der' }) }, DOES_NOT_VERIFY],
    ['B5', 'ECDSA over SHA-384 for a key on P-256', { signing: (s) => ({ ...s, hash: 'sha384' }) }, DOES_NOT_VERIFY],
    ['B5', 'ECDSA over SHA-1', { signing: (s) => ({ ...s, hash: 'sha1' }) }, DOES_NOT_VERIFY],
    ['B5', 'a signature by another key', { signing: () => ({ key: otherEcKey }) }, DOES_NOT_VERIFY],
    ['B5', 'a bit turned in r, of a signing authority', signature(flip(0)), DOES_NOT_VERIFY, { kind: 'authority' }],
    ['B5', 'a bit turned in s, with every attribute there', signature(flip(-1)), DOES_NOT_VERIFY, { kind: 'full' }],
    ['B5', 'a salt of no bytes', { signing: (s) => ({ ...s, saltLength: 0 }) }, DOES_NOT_VERIFY, RSA],
    ['B5', 'a salt of 20 bytes', { signing: (s) => ({ ...s, saltLength: 20 }) }, DOES_NOT_VERIFY, RSA],
    ['B5', 'a salt of 33 bytes', { signing: (s) => ({ ...s, saltLength: 33 }) }, DOES_NOT_VERIFY, RSA],
    ['B5', 'the longest salt there can be', { signing: (s) => ({ ...s, saltLength: 222 }) }, DOES_NOT_VERIFY, RSA],
    [
      'B5',
      'PSS over SHA-384 for a key of 2048 bits',
      { signing: (s) => ({ ...s, hash: 'sha384' }) },
      DOES_NOT_VERIFY,
      RSA,
    ],
    ['B5', 'a signature by another RSA key', { signing: () => ({ key: otherRsaKey }) }, DOES_NOT_VERIFY, RSA],
    [
      'B5',
      'PKCS #1 v1.5 in place of PSS',
      signature(() => sign('sha256', Buffer.from('x'), otherRsaKey)),
      DOES_NOT_VERIFY,
      RSA,
    ],
    ['B5', 'a bit turned in a PSS signature', signature(flip(100)), DOES_NOT_VERIFY, RSA],
    [
      'B5',
      'a PSS signature with a zero byte before it',
      signature((s) => Buffer.concat([Buffer.alloc(1), s])),
      DOES_NOT_VERIFY,
      RSA,
    ],
    [
      'C1',
      'an empty signature',
      signature(() => Buffer.alloc(0)),
      /signature: expected a (string|byte string that is not empty)/,
      { code: 'SignatureMalformed' },
    ],
  ],
  FAILS,
);
