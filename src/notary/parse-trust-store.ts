import type { X509Certificate } from 'node:crypto';
import { distinguishedNameOf } from './certificates/distinguished-name.ts';
import { basicConstraintsOf } from './certificates/extensions.ts';
import { isSelfSigned } from './certificates/issuance.ts';
import { parseCertificate } from './certificates/parsed-certificate.ts';
import { parseCertificatesPem } from './certificates/pem.ts';
import { NotaryError } from './error.ts';
import type { TrustStoreKind } from './trust-policy/statement.ts';
import type { TrustStoreCertificates } from './trust-store.ts';

/**
 * Reads the certificates of a trust store (notary.md F9): at least one, each a CA or self-signed; in a tsa store
 * self-signed roots.
 * @throws NotaryError InvalidTrustStore
 */
export function parseTrustStore(type: TrustStoreKind, name: string, pem: string): TrustStoreCertificates {
  try {
    const certificates = parseCertificatesPem(pem);
    for (const [i, certificate] of certificates.entries()) checkAnchor(certificate, i + 1, type);
    return { type, name, certificates };
  } catch (error) {
    if (!(error instanceof NotaryError)) throw error;
    throw new NotaryError('InvalidTrustStore', `trust store ${type}:${name}: ${error.message}`, {
      rule: 'F9',
      cause: error,
    });
  }
}

function checkAnchor(certificate: X509Certificate, number: number, type: TrustStoreKind): void {
  const isAuthority = basicConstraintsOf(parseCertificate(certificate))?.ca === true;
  if (type === 'tsa' ? isSelfSigned(certificate) : isAuthority || isSelfSigned(certificate)) return;
  const expected = type === 'tsa' ? 'a self-signed root' : 'a CA certificate, or a self-signed one';
  throw new NotaryError(
    'InvalidTrustStore',
    `certificate ${number}, ${distinguishedNameOf(certificate)}: expected ${expected} (notary.md F9)`,
    { rule: 'F9' },
  );
}
