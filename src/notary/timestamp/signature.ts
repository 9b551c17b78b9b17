import { constants, verify, type X509Certificate } from 'node:crypto';
import { pssHashOf } from '../certificates/issuance.ts';
import type { AlgorithmIdentifier } from '../certificates/parsed-certificate.ts';
import { quote } from '../quote.ts';
import { invalidTimestamp } from './error.ts';
import { oidOfHash } from './hash.ts';
import type { TimestampHash } from './timestamp.ts';
import type { TokenSigner } from './token.ts';

const RSASSA_PSS = '1.2.840.113549.1.1.10';

interface Scheme {
  readonly kind: 'RSA' | 'ECDSA';
  /** Absent: the digest algorithm of the SignerInfo says it. */
  readonly hash?: TimestampHash;
}

/** Signature algorithms of a SignerInfo (RFC 5754 §3). */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['1.2.840.113549.1.1.1', { kind: 'RSA' }],
  ['1.2.840.113549.1.1.11', { kind: 'RSA', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { kind: 'RSA', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { kind: 'RSA', hash: 'sha512' }],
  ['1.2.840.10045.4.3.2', { kind: 'ECDSA', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { kind: 'ECDSA', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { kind: 'ECDSA', hash: 'sha512' }],
]);

/**
 * Verifies the signature of a token over its signed attributes with the authority's key: RSA by PKCS #1 v1.5 or PSS,
 * or ECDSA, always with the hash of the digest algorithm.
 * @throws NotaryError InvalidTimestamp when it does not verify
 */
export function checkTokenSignature(signer: TokenSigner, leaf: X509Certificate): void {
  const { kind, padding } = schemeOf(signer.signatureAlgorithm, signer.digest);
  const key = leaf.publicKey;
  if ((key.asymmetricKeyType === 'rsa') !== (kind === 'RSA')) {
    throw invalidTimestamp(`the timestamp is signed with ${kind}, but the key of its authority is of another kind`);
  }
  if (!verifies(signer, { key, ...padding })) {
    throw invalidTimestamp("the timestamp's signature does not verify with the key of its authority");
  }
}

function verifies(signer: TokenSigner, key: Parameters<typeof verify>[2]): boolean {
  try {
    return verify(signer.digest, signer.signedBytes, key, signer.signature);
  } catch {
    // A key or signature that OpenSSL will not use at all.
    return false;
  }
}

function schemeOf(algorithm: AlgorithmIdentifier, digest: TimestampHash) {
  const what = 'the signature algorithm of the timestamp';
  if (algorithm.oid === RSASSA_PSS) {
    if (pssHashOf(algorithm) !== oidOfHash(digest)) {
      throw invalidTimestamp(`${what}: expected RSASSA-PSS with ${digest} throughout and a salt of its length`);
    }
    const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    return { kind: 'RSA', padding } as const;
  }
  const scheme = SCHEMES.get(algorithm.oid);
  if (scheme === undefined) {
    throw invalidTimestamp(`${what}: expected RSA or ECDSA with SHA-2, found ${quote(algorithm.oid)}`);
  }
  if (scheme.hash !== undefined && scheme.hash !== digest) {
    throw invalidTimestamp(`${what} uses ${scheme.hash}, its digest algorithm is ${digest}`);
  }
  return { kind: scheme.kind, padding: {} } as const;
}
