import type { X509Certificate } from 'node:crypto';
import { NotaryError } from '../error.ts';
import { type DerValue, readChildren, readSmallInteger, TAG } from './der.ts';
import { distinguishedNameOf } from './distinguished-name.ts';
import { type AlgorithmIdentifier, parseCertificate, readAlgorithm } from './parsed-certificate.ts';

/** Algorithms that certificates may be signed with; SHA-1 and MD5 are not among them (notary.md E1, E2). */
const ACCEPTED: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11', // sha256WithRSAEncryption
  '1.2.840.113549.1.1.12', // sha384WithRSAEncryption
  '1.2.840.113549.1.1.13', // sha512WithRSAEncryption
  '1.2.840.10045.4.3.2', // ecdsa-with-SHA256
  '1.2.840.10045.4.3.3', // ecdsa-with-SHA384
  '1.2.840.10045.4.3.4', // ecdsa-with-SHA512
  '1.3.101.112', // Ed25519
]);
const RSASSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';
const HASH_BYTES: ReadonlyMap<string, number> = new Map([
  ['2.16.840.1.101.3.4.2.1', 32],
  ['2.16.840.1.101.3.4.2.2', 48],
  ['2.16.840.1.101.3.4.2.3', 64],
]);

/** Whether the issuer's name is, byte for byte, the subject of the other certificate. */
export function namesAsIssuer(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return Buffer.from(parseCertificate(certificate).issuerDer).equals(parseCertificate(issuer).subjectDer);
}

/** Whether the certificate carries a signature by the issuer's key, with an algorithm that still counts. */
export function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  requireAcceptedAlgorithm(certificate);
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    // Keys that OpenSSL cannot use at all.
    return false;
  }
}

/** Whether the certificate is self-signed: issued to and by one name, and signed with its own key. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return namesAsIssuer(certificate, certificate) && isSignedBy(certificate, certificate);
}

/** @throws NotaryError InvalidCertificateChain when the certificate is signed with SHA-1, MD5 or something unknown */
function requireAcceptedAlgorithm(certificate: X509Certificate): void {
  const { signatureAlgorithm } = parseCertificate(certificate);
  if (ACCEPTED.has(signatureAlgorithm.oid) || pssHashOf(signatureAlgorithm) !== undefined) return;
  const found = certificate.signatureAlgorithm ?? signatureAlgorithm.oid;
  throw new NotaryError(
    'InvalidCertificateChain',
    `certificate ${distinguishedNameOf(certificate)} is signed with ${found}: expected RSA, ECDSA or Ed25519 with SHA-256, SHA-384 or SHA-512 (notary.md E2)`,
    { rule: 'E2' },
  );
}

/** The OID of the one SHA-2 hash of RSASSA-PSS, for message and mask, with a salt of its length (RFC 4055 §3.1). */
export function pssHashOf({ oid, parameters }: AlgorithmIdentifier): string | undefined {
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
  const isStrict =
    maskOid === MGF1 &&
    readAlgorithm(maskHash, what).oid === hashOid &&
    HASH_BYTES.get(hashOid) === readSmallInteger(salt, what);
  return isStrict ? hashOid : undefined;
}
