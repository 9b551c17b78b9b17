import 'reflect-metadata';
import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { signatureAlgorithmOf } from '../../../../src/notary/algorithm.ts';
import { readDer, TAG } from '../../../../src/notary/certificates/der.ts';
import { isSelfSigned } from '../../../../src/notary/certificates/issuance.ts';
import { readAlgorithm } from '../../../../src/notary/certificates/parsed-certificate.ts';
import { isUsableKey, verifyByAuthority } from '../../../../src/notary/certificates/signature-algorithm.ts';
import { pssAlgorithm } from '../../../support/forge-timestamp.ts';

const SHA256_WITH_RSA = { oid: '1.2.840.113549.1.1.11' };
/** The largest exponent below 2^32 that Node makes keys with, and one that Go takes. */
const [LARGE, LARGEST] = [0xffff_fffb, 0x7fff_ffff];

/** An RSA key of a modulus and exponent that nobody made. */
function rsaKey(bits: number, exponent: bigint): KeyObject {
  const n = Buffer.alloc(bits / 8, 0xff);
  const hex = exponent.toString(16);
  const e = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return createPublicKey({
    key: { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') },
    format: 'jwk',
  });
}

describe('an RSA key that anybody may have chosen (notary.md B5, E2)', () => {
  it.each([
    ['an exponent of 1, with which everybody signs', rsaKey(2048, 1n)],
    ['an even exponent', rsaKey(2048, 65_536n)],
    ['an exponent above 2^31 - 1', rsaKey(2048, 2n ** 31n + 1n)],
    ['an exponent as long as the modulus, which takes 20 ms a signature', rsaKey(3072, 2n ** 3071n + 1n)],
    ['a modulus above 8,192 bits', rsaKey(8_200, 65_537n)],
  ])('is not verified with: %s', (_name, key) => {
    expect(isUsableKey(key)).toBe(false);
    expect(() => signatureAlgorithmOf(key)).toThrow(/RSA/);
  });

  it.each([
    ['3', rsaKey(2048, 3n)],
    ['65,537', rsaKey(4096, 65_537n)],
    ['2^31 - 1', rsaKey(2048, BigInt(LARGEST))],
  ])('is verified with where its exponent is %s', (_name, key) => {
    expect(isUsableKey(key)).toBe(true);
    expect(signatureAlgorithmOf(key)).toMatch(/^PS/);
  });

  it('signs no CRL and no OCSP answer with a large exponent, although the signature is good', () => {
    const data = Buffer.from('signed');
    for (const [publicExponent, expected] of [
      [65_537, true],
      [LARGE, false],
    ] as const) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent });
      expect(verifyByAuthority(SHA256_WITH_RSA, publicKey, data, sign('sha256', data, privateKey))).toBe(expected);
    }
  });

  it('signs no certificate with a large exponent, although the signature is good', async () => {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048 };
    for (const [publicExponent, expected] of [
      [new Uint8Array([1, 0, 1]), true],
      [new Uint8Array([0xff, 0xff, 0xff, 0xfb]), false],
    ] as const) {
      const keys = await webcrypto.subtle.generateKey({ ...algorithm, publicExponent }, true, ['sign', 'verify']);
      const made = await x509.X509CertificateGenerator.createSelfSigned({ name: 'CN=Root', keys });
      const certificate = new X509Certificate(Buffer.from(made.rawData));
      expect(certificate.verify(certificate.publicKey)).toBe(true);
      expect(isSelfSigned(certificate)).toBe(expected);
    }
  });
});

describe('what an authority signed counts by its own algorithm only (notary.md E2, H3, H4)', () => {
  const data = Buffer.from('signed');
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

  it('a signature of RSA is none of ECDSA, whatever it is called', () => {
    const signature = sign('sha256', data, privateKey);
    expect(verifyByAuthority(SHA256_WITH_RSA, publicKey, data, signature)).toBe(true);
    expect(verifyByAuthority({ oid: '1.2.840.10045.4.3.2' }, publicKey, data, signature)).toBe(false);
  });

  it.each([
    ['SHA-256 throughout', pssAlgorithm('sha256', 'sha256', 32), true],
    ['a mask by SHA-1', pssAlgorithm('sha256', 'sha1', 32), false],
    ['a salt of another length', pssAlgorithm('sha256', 'sha256', 20), false],
  ])('RSASSA-PSS with %s', (_name, der, expected) => {
    const identifier = readAlgorithm(readDer(der, TAG.sequence, 'it'), 'it');
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    const signature = sign('sha256', data, { key: privateKey, ...pss });
    expect(verifyByAuthority(identifier, publicKey, data, signature)).toBe(expected);
  });
});
