import { constants, verify, type X509Certificate } from 'node:crypto';
import type { AlgorithmIdentifier } from '../certificates/parsed-certificate.ts';
import { authorityAlgorithmOf } from '../certificates/signature-algorithm.ts';
import { quote } from '../quote.ts';
import { invalidTimestamp } from './error.ts';
import type { TimestampHash } from './timestamp.ts';
import type { TokenSigner } from './token.ts';

/** A SignerInfo may name RSA alone: the hash is that of its digest algorithm (RFC 5754 §3.2). */
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';

/**
 * Verifies the signature of a token over its signed attributes with the authority's key: RSA by PKCS #1 v1.5 or PSS,
 * or ECDSA, always with the hash of the digest algorithm.
 * @throws NotaryError InvalidTimestamp when it does not verify
 */
export function checkTokenSignature(signer: TokenSigner, leaf: X509Certificate): void {
  const kind = kindOf(signer.signatureAlgorithm, signer.digest);
  const key = leaf.publicKey;
  if ((key.asymmetricKeyType === 'ec') !== (kind === 'ECDSA')) {
    throw invalidTimestamp(`the timestamp is signed with ${kind}, but the key of its authority is of another kind`);
  }
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  if (!verifies(signer, kind === 'RSA-PSS' ? { key, ...pss } : key)) {
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

function kindOf(identifier: AlgorithmIdentifier, digest: TimestampHash): 'RSA' | 'RSA-PSS' | 'ECDSA' {
  const what = 'the signature algorithm of the timestamp';
  if (identifier.oid === RSA_ENCRYPTION) return 'RSA';
  const algorithm = authorityAlgorithmOf(identifier);
  if (algorithm === undefined || algorithm.kind === 'Ed25519') {
    throw invalidTimestamp(
      `${what}: expected RSA, RSASSA-PSS with one hash throughout and a salt of its length, or ECDSA, with SHA-2; found ${quote(identifier.oid)}`,
    );
  }
  if (algorithm.hash !== digest) {
    throw invalidTimestamp(`${what} uses ${algorithm.hash}, its digest algorithm is ${digest}`);
  }
  return algorithm.kind;
}
