import { constants, createSecretKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signatureAlgorithmOf, thumbprints, verifyWithAlgorithm } from '../../../src/notary/index.ts';
import { createChain, KEY_TYPES, type KeyType } from '../../support/pki.ts';
import { chain, decided, envelopeOf, storesOf, VALIDITY, verify } from './harness.ts';

const ALGORITHM: Record<KeyType, string> = {
  'RSA-2048': 'PS256',
  'RSA-3072': 'PS384',
  'RSA-4096': 'PS512',
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
};

describe('the algorithm of a signature (notary.md B5)', () => {
  it.each(KEY_TYPES)('is the one of the leaf: %s', async (key) => {
    const made = await createChain({ ...VALIDITY, key, length: 2 });
    const alg = ALGORITHM[key];
    expect(made.certificates.slice(0, 1).map(signatureAlgorithmOf)).toEqual([alg]);
    expect(signatureAlgorithmOf(made.key)).toBe(alg);
    const stores = { findTrustStore: storesOf(made) };
    expect(decided(await verify(envelopeOf({ ...made, alg }), stores))).toBe('Trusted');

    const others = Object.values(ALGORITHM).filter((other) => other !== alg);
    for (const other of others) {
      const outcome = await verify(envelopeOf({ ...made, alg: other }), stores);
      expect(outcome.decisive?.reason).toBe(
        `the header says algorithm "${other}", but the leaf's key gives ${alg} (notary.md B5)`,
      );
    }
  });

  it.each([0, 20, 31, 33, 222])(
    'has a PSS salt as long as the hash: one of %i bytes is refused',
    async (saltLength) => {
      const made = await rsa;
      const bytes = envelopeOf({ ...made, alg: 'PS256', saltLength });
      const outcome = await verify(bytes, { findTrustStore: storesOf(made) });
      expect(outcome.decisive?.reason).toBe('the signature does not verify with the key of the leaf certificate');
    },
  );

  it('is never PKCS #1 v1.5', async () => {
    const { key, certificates } = await rsa;
    const data = Buffer.from('signed');
    const [leaf] = certificates;
    if (leaf === undefined) throw new Error('no leaf');
    const pss = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    expect(verifyWithAlgorithm('PS256', leaf.publicKey, data, sign('sha256', data, pss))).toBe(true);
    expect(verifyWithAlgorithm('PS256', leaf.publicKey, data, sign('sha256', data, key))).toBe(false);
  });

  it('is none for a symmetric key', () => {
    expect(() => signatureAlgorithmOf(createSecretKey(Buffer.alloc(32)))).toThrow(/found a symmetric key/);
  });

  it('refuses a signature of another key', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    expect(decided(await verify(envelopeOf({ key: other })))).toBe('integrity failed IntegrityFailed');
    expect(decided(await verify(envelopeOf({ key: chain.key })))).toBe('Trusted');
  });
});

it('thumbprints are SHA-256 of each DER, lower-case hex, leaf first (notary.md A3)', () => {
  const expected = chain.certificates.map((c) => c.fingerprint256.replaceAll(':', '').toLowerCase());
  expect(thumbprints(chain.certificates)).toEqual(expected);
});

const rsa = createChain({ ...VALIDITY, key: 'RSA-2048', length: 2 });
