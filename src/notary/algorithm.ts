import { constants, createHash, createPublicKey, KeyObject, sign, verify, type X509Certificate } from 'node:crypto';
import { readChildren, readDer, readOid, TAG } from './certificates/der.ts';
import { parseCertificate, readAlgorithm } from './certificates/parsed-certificate.ts';
import { isUsableKey } from './certificates/signature-algorithm.ts';
import { ecdsaDer } from './ecdsa-signature.ts';
import type { SignatureAlgorithm } from './envelope/envelope.ts';
import { NotaryError } from './error.ts';
import type { TimestampHash } from './timestamp/timestamp.ts';

interface AlgorithmParameters {
  readonly hash: TimestampHash;
  readonly kind: 'RSA-PSS' | 'ECDSA';
  /** Bytes of the hash: the salt of PSS. */
  readonly hashBytes: number;
  /** Bytes of the signature: the modulus of PSS, r||s of ECDSA. */
  readonly signatureBytes: number;
}

const PARAMETERS: Readonly<Record<SignatureAlgorithm, AlgorithmParameters>> = {
  PS256: { hash: 'sha256', kind: 'RSA-PSS', hashBytes: 32, signatureBytes: 256 },
  PS384: { hash: 'sha384', kind: 'RSA-PSS', hashBytes: 48, signatureBytes: 384 },
  PS512: { hash: 'sha512', kind: 'RSA-PSS', hashBytes: 64, signatureBytes: 512 },
  ES256: { hash: 'sha256', kind: 'ECDSA', hashBytes: 32, signatureBytes: 64 },
  ES384: { hash: 'sha384', kind: 'ECDSA', hashBytes: 48, signatureBytes: 96 },
  ES512: { hash: 'sha512', kind: 'ECDSA', hashBytes: 64, signatureBytes: 132 },
};

const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const BY_CURVE: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['1.2.840.10045.3.1.7', 'ES256'],
  ['1.3.132.0.34', 'ES384'],
  ['1.3.132.0.35', 'ES512'],
]);
const BY_MODULUS: ReadonlyMap<number, SignatureAlgorithm> = new Map([
  [2048, 'PS256'],
  [3072, 'PS384'],
  [4096, 'PS512'],
]);

/**
 * The one signature algorithm that a key may be used with (notary.md B5, E5): by the OIDs of key type and curve and
 * the length of the modulus, read from the encoded key. RSA keys restricted to PSS, Edwards keys, other curves, and
 * curves by explicit parameters (which OpenSSL shows under the curve's name) are refused.
 * @throws NotaryError InvalidKey
 */
export function signatureAlgorithmOf(source: KeyObject | X509Certificate): SignatureAlgorithm {
  const what = 'the public key';
  const info = publicKeyInfoOf(source);
  const [algorithmField] = readChildren(readDer(info, TAG.sequence, what), what);
  const { oid, parameters } = readAlgorithm(algorithmField, what);
  if (oid === RSA_ENCRYPTION) {
    const key = decodeKey(source);
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    const algorithm = BY_MODULUS.get(bits) ?? refuse(`RSA of ${bits} bits`);
    return isUsableKey(key) ? algorithm : refuse('an RSA key whose exponent is not odd, from 3 to 2^31 - 1');
  }
  if (oid === EC_PUBLIC_KEY) {
    if (parameters?.tag !== TAG.oid) return refuse('an EC key whose curve is not given by its OID');
    const curve = readOid(parameters, what);
    const algorithm = BY_CURVE.get(curve) ?? refuse(`an EC key on the curve ${curve}`);
    // A point that is not on the curve is refused here.
    decodeKey(source);
    return algorithm;
  }
  return refuse(`a key of the type ${oid}`);
}

/** Verifies a signature with exactly the parameters of B5: PSS salt as long as the hash, ECDSA as raw r||s. */
export function verifyWithAlgorithm(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  signedBytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { hash, kind, signatureBytes } = PARAMETERS[algorithm];
  if (signature.byteLength !== signatureBytes) return false;
  try {
    // Not by node's dsaEncoding: that a key comes with options it finds out by two exceptions, 30 µs for each signature.
    return kind === 'ECDSA'
      ? verify(hash, signedBytes, key, ecdsaDer(signature))
      : verify(hash, signedBytes, { key, ...paddingOf(algorithm) }, signature);
  } catch {
    // A key that decodes and that OpenSSL still will not use, such as an RSA modulus that is even.
    return false;
  }
}

/** Signs with the parameters of B5: PSS salt as long as the hash, ECDSA as raw r||s. */
export function signWithAlgorithm(algorithm: SignatureAlgorithm, key: KeyObject, toBeSigned: Uint8Array): Uint8Array {
  return sign(PARAMETERS[algorithm].hash, toBeSigned, { key, ...paddingOf(algorithm) });
}

/** The hash of an algorithm: also that of a timestamp over its signature (notary.md I). */
export function hashOfAlgorithm(algorithm: SignatureAlgorithm): TimestampHash {
  return PARAMETERS[algorithm].hash;
}

/** SHA-256 of each certificate's DER, lower-case hex, in order (notary.md A3). */
export function thumbprints(certificates: readonly X509Certificate[]): string[] {
  return certificates.map((certificate) => createHash('sha256').update(certificate.raw).digest('hex'));
}

function paddingOf(
  algorithm: SignatureAlgorithm,
): { readonly dsaEncoding: 'ieee-p1363' } | { readonly padding: number; readonly saltLength: number } {
  const { kind, hashBytes } = PARAMETERS[algorithm];
  return kind === 'ECDSA'
    ? { dsaEncoding: 'ieee-p1363' }
    : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: hashBytes };
}

function publicKeyInfoOf(source: KeyObject | X509Certificate): Uint8Array {
  if (!(source instanceof KeyObject)) return parseCertificate(source).publicKeyInfo;
  if (source.type === 'secret') return refuse('a symmetric key');
  const publicKey = source.type === 'private' ? createPublicKey(source) : source;
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** A certificate decodes its key once, for whatever needs it. */
function decodeKey(source: KeyObject | X509Certificate): KeyObject {
  try {
    if (!(source instanceof KeyObject)) return source.publicKey;
    return source.type === 'private' ? createPublicKey(source) : source;
  } catch (cause) {
    throw new NotaryError('InvalidKey', 'the public key cannot be decoded (notary.md B5)', { rule: 'B5', cause });
  }
}

function refuse(found: string): never {
  throw new NotaryError(
    'InvalidKey',
    `expected a key of RSA 2048, 3072 or 4096 bits or on the curve P-256, P-384 or P-521; found ${found} (notary.md B5)`,
    { rule: 'B5' },
  );
}
