import type { X509Certificate } from 'node:crypto';
import { NotaryError } from '../error.ts';
import { distinguishedNameOf } from './distinguished-name.ts';
import { parseCertificate } from './parsed-certificate.ts';
import { authorityAlgorithmOf, isUsableKey } from './signature-algorithm.ts';

/** Whether the issuer's name is, byte for byte, the subject of the other certificate. */
export function namesAsIssuer(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return Buffer.from(parseCertificate(certificate).issuerDer).equals(parseCertificate(issuer).subjectDer);
}

/** Whether the certificate carries a signature by the issuer's key, with an algorithm that still counts (E2). */
export type IsSignedBy = (certificate: X509Certificate, issuer: X509Certificate) => boolean;

/**
 * By its signature.
 * @throws NotaryError InvalidCertificateChain when the certificate is signed with SHA-1, MD5 or something unknown
 */
export function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  requireAcceptedAlgorithm(certificate);
  try {
    const { publicKey } = issuer;
    return isUsableKey(publicKey) && certificate.verify(publicKey);
  } catch {
    // Keys that OpenSSL cannot use at all.
    return false;
  }
}

/** Whether the certificate is self-signed: issued to and by one name, and signed with its own key. */
export function isSelfSigned(certificate: X509Certificate, signedBy: IsSignedBy = isSignedBy): boolean {
  return namesAsIssuer(certificate, certificate) && signedBy(certificate, certificate);
}

/** @throws NotaryError InvalidCertificateChain when the certificate is signed with SHA-1, MD5 or something unknown */
function requireAcceptedAlgorithm(certificate: X509Certificate): void {
  const { signatureAlgorithm } = parseCertificate(certificate);
  if (authorityAlgorithmOf(signatureAlgorithm) !== undefined) return;
  const found = certificate.signatureAlgorithm ?? signatureAlgorithm.oid;
  throw new NotaryError(
    'InvalidCertificateChain',
    `certificate ${distinguishedNameOf(certificate)} is signed with ${found}: expected RSA, ECDSA or Ed25519 with SHA-256, SHA-384 or SHA-512 (notary.md E2)`,
    { rule: 'E2' },
  );
}
