import { distinguishedNameOf } from './certificates/distinguished-name.ts';
import { parseCertificate } from './certificates/parsed-certificate.ts';
import { parseCertificatesPem } from './certificates/pem.ts';
import { NotaryError } from './error.ts';
import type { TrustStoreKind } from './trust-policy/statement.ts';
import type { TrustStoreCertificates } from './trust-store.ts';

/**
 * Reads the certificates of a trust store (notary.md F9): each a CA or self-signed; in a tsa store roots.
 * @throws NotaryError InvalidTrustStore
 */
export function parseTrustStore(type: TrustStoreKind, name: string, pem: string): TrustStoreCertificates {
  const invalid = (message: string, cause?: unknown): NotaryError =>
    new NotaryError('InvalidTrustStore', `trust store ${type}:${name}: ${message}`, { rule: 'F9', cause });
  let certificates: TrustStoreCertificates['certificates'];
  try {
    certificates = parseCertificatesPem(pem);
  } catch (error) {
    if (error instanceof NotaryError) throw invalid(error.message, error);
    throw error;
  }
  certificates.forEach((certificate, i) => {
    const parsed = parseCertificate(certificate);
    const selfIssued = parsed.subjectDer.equals(parsed.issuerDer) && certificate.verify(certificate.publicKey);
    if (type === 'tsa' ? !selfIssued : !selfIssued && parsed.basicConstraints?.ca !== true) {
      const expected = type === 'tsa' ? 'a self-signed root' : 'a CA certificate, or a self-signed one';
      throw invalid(`certificate ${i + 1}, ${distinguishedNameOf(certificate)}: expected ${expected}`);
    }
  });
  return { type, name, certificates };
}
