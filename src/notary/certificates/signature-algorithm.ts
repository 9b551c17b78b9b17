import { constants, type KeyObject, verify } from 'node:crypto';
import { type DerValue, readChildren, readSmallInteger, TAG } from './der.ts';
import { type AlgorithmIdentifier, readAlgorithm } from './parsed-certificate.ts';

/** How a certificate authority signed: certificates, CRLs, OCSP answers. */
export interface AuthorityAlgorithm {
  readonly kind: 'RSA' | 'RSA-PSS' | 'ECDSA' | 'Ed25519';
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
}

/** Algorithms that authorities may sign with; SHA-1 and MD5 are not among them (notary.md E1, E2). */
const ACCEPTED: ReadonlyMap<string, AuthorityAlgorithm> = new Map([
  ['1.2.840.113549.1.1.11', { kind: 'RSA', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { kind: 'RSA', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { kind: 'RSA', hash: 'sha512' }],
  ['1.2.840.10045.4.3.2', { kind: 'ECDSA', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { kind: 'ECDSA', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { kind: 'ECDSA', hash: 'sha512' }],
  ['1.3.101.112', { kind: 'Ed25519' }],
]);
const RSASSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';
const HASHES: ReadonlyMap<string, { readonly hash: 'sha256' | 'sha384' | 'sha512'; readonly bytes: number }> = new Map([
  ['2.16.840.1.101.3.4.2.1', { hash: 'sha256', bytes: 32 }],
  ['2.16.840.1.101.3.4.2.2', { hash: 'sha384', bytes: 48 }],
  ['2.16.840.1.101.3.4.2.3', { hash: 'sha512', bytes: 64 }],
]);
/** Node's names of the key types that each kind may be used with. */
const KEY_TYPES: Readonly<Record<AuthorityAlgorithm['kind'], readonly string[]>> = {
  RSA: ['rsa'],
  'RSA-PSS': ['rsa', 'rsa-pss'],
  ECDSA: ['ec'],
  Ed25519: ['ed25519'],
};

/** An RSA key of an authority that is longer takes milliseconds to verify with, and is nobody's. */
const MAX_MODULUS_BITS = 8192;
/** The largest exponent that Go, and so notation, takes: with one as long as the modulus, each signature takes 20 ms. */
const MAX_EXPONENT = 2n ** 31n - 1n;

/**
 * Whether signatures may be verified with a key: an RSA exponent is odd, more than one (with one, anybody can sign) and
 * small, since whoever pushes a signature chooses its certificates and how many there are.
 */
export function isUsableKey(key: KeyObject): boolean {
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'rsa-pss') return true;
  // Asked for last: of an EC key it takes as long as reading the key.
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (publicExponent < 3n || publicExponent % 2n === 0n || publicExponent > MAX_EXPONENT) return false;
  return modulusLength <= MAX_MODULUS_BITS;
}

/** The algorithm that an identifier names, or undefined when signatures by it do not count. */
export function authorityAlgorithmOf(identifier: AlgorithmIdentifier): AuthorityAlgorithm | undefined {
  return ACCEPTED.get(identifier.oid) ?? strictPss(identifier);
}

/**
 * Verifies what an authority signed, over the received bytes. An algorithm that does not count, or that is none of
 * the key's, makes it no signature.
 */
export function verifyByAuthority(
  identifier: AlgorithmIdentifier,
  key: KeyObject,
  signedBytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const algorithm = authorityAlgorithmOf(identifier);
  if (algorithm === undefined || !KEY_TYPES[algorithm.kind].includes(key.asymmetricKeyType ?? '')) return false;
  if (!isUsableKey(key)) return false;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  try {
    return verify(algorithm.hash, signedBytes, algorithm.kind === 'RSA-PSS' ? { key, ...pss } : key, signature);
  } catch {
    // A key that OpenSSL cannot use at all.
    return false;
  }
}

/** RSASSA-PSS with one SHA-2 hash for message and mask, and a salt of its length (RFC 4055 §3.1). */
function strictPss({ oid, parameters }: AlgorithmIdentifier): AuthorityAlgorithm | undefined {
  if (oid !== RSASSA_PSS || parameters?.tag !== TAG.sequence) return undefined;
  const what = 'the PSS parameters';
  const field = (number: number): DerValue | undefined => {
    const explicit = readChildren(parameters, what).find((value) => value.tag === 0xa0 + number);
    return explicit === undefined ? undefined : readChildren(explicit, what)[0];
  };
  const [hash, mask, salt] = [field(0), field(1), field(2)];
  if (hash === undefined || mask === undefined || salt === undefined) return undefined;
  const hashOid = readAlgorithm(hash, what).oid;
  const { oid: maskOid, parameters: maskHash } = readAlgorithm(mask, what);
  const found = HASHES.get(hashOid);
  if (maskOid !== MGF1 || readAlgorithm(maskHash, what).oid !== hashOid) return undefined;
  return found?.bytes === readSmallInteger(salt, what) ? { kind: 'RSA-PSS', hash: found.hash } : undefined;
}
