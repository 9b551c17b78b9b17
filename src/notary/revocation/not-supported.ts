import { isRevocable } from '../certificates/extensions.ts';
import { parseCertificate } from '../certificates/parsed-certificate.ts';
import type { ChainRevocationChecker } from './revocation.ts';

/**
 * Revocation without network (notary.md H1): a chain in which no certificate but the root names an OCSP responder or
 * a CRL cannot be revoked, and passes. Where one does, nothing is known: OCSP and CRL are not supported yet.
 */
export const checkRevocationNotSupported: ChainRevocationChecker = async (envelope) => {
  const revocable = envelope.certificates
    .slice(0, -1)
    .some((certificate) => isRevocable(parseCertificate(certificate)));
  return revocable
    ? { status: 'unknown', reason: 'revocation by OCSP and CRL is not supported yet', notSupportedYet: true }
    : { status: 'good', reason: 'no certificate of the chain names an OCSP responder or a CRL' };
};
