import { constants, createHash, KeyObject, verify, type X509Certificate } from 'node:crypto';
import type { SignatureAlgorithm } from './envelope/envelope.ts';
import { NotaryError } from './error.ts';

interface AlgorithmParameters {
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  readonly kind: 'RSA-PSS' | 'ECDSA';
  /** Bytes of the hash: the salt of PSS. */
  readonly hashBytes: number;
  /** Bytes of an ECDSA signature, r||s. */
  readonly signatureBytes?: number;
}

const PARAMETERS: Readonly<Record<SignatureAlgorithm, AlgorithmParameters>> = {
  PS256: { hash: 'sha256', kind: 'RSA-PSS', hashBytes: 32 },
  PS384: { hash: 'sha384', kind: 'RSA-PSS', hashBytes: 48 },
  PS512: { hash: 'sha512', kind: 'RSA-PSS', hashBytes: 64 },
  ES256: { hash: 'sha256', kind: 'ECDSA', hashBytes: 32, signatureBytes: 64 },
  ES384: { hash: 'sha384', kind: 'ECDSA', hashBytes: 48, signatureBytes: 96 },
  ES512: { hash: 'sha512', kind: 'ECDSA', hashBytes: 64, signatureBytes: 132 },
};

const BY_CURVE: Readonly<Record<string, SignatureAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};
const BY_MODULUS: Readonly<Record<number, SignatureAlgorithm>> = { 2048: 'PS256', 3072: 'PS384', 4096: 'PS512' };

/**
 * The one signature algorithm that a key gives (notary.md B5). Curves are told by their OID, so that explicit
 * parameters and other curves of the same length are refused, as are RSA-PSS-restricted and Edwards keys.
 * @throws NotaryError InvalidKey
 */
export function signatureAlgorithmOf(source: KeyObject | X509Certificate): SignatureAlgorithm {
  const key = source instanceof KeyObject ? source : source.publicKey;
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  let algorithm: SignatureAlgorithm | undefined;
  if (key.asymmetricKeyType === 'rsa' && modulusLength !== undefined) algorithm = BY_MODULUS[modulusLength];
  if (key.asymmetricKeyType === 'ec' && namedCurve !== undefined) algorithm = BY_CURVE[namedCurve];
  if (algorithm !== undefined) return algorithm;
  const found = [key.asymmetricKeyType, modulusLength ?? namedCurve].filter((part) => part !== undefined).join(' ');
  throw new NotaryError(
    'InvalidKey',
    `expected a key of RSA 2048, 3072 or 4096 bits or on the curve P-256, P-384 or P-521; found ${found}`,
    { rule: 'B5' },
  );
}

/** Verifies a signature with exactly the parameters of B5: PSS salt as long as the hash, ECDSA as raw r||s. */
export function verifyWithAlgorithm(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  signedBytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { hash, kind, hashBytes, signatureBytes } = PARAMETERS[algorithm];
  if (kind === 'ECDSA') {
    if (signature.byteLength !== signatureBytes) return false;
    return verify(hash, signedBytes, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
  return verify(hash, signedBytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: hashBytes }, signature);
}

/** SHA-256 of each certificate's DER, lower-case hex, in order (notary.md A3). */
export function thumbprints(certificates: readonly X509Certificate[]): string[] {
  return certificates.map((certificate) => createHash('sha256').update(certificate.raw).digest('hex'));
}
