import { NotaryError } from '../error.ts';

/** The error of a CRL or an OCSP answer that can be read, and says nothing that may be relied on. */
export function unusable(what: 'the CRL' | 'the OCSP answer', found: string, rule: 'H2' | 'H3' | 'H4'): NotaryError {
  return new NotaryError('InvalidRevocationData', `${what} may not be used: ${found} (notary.md ${rule})`, { rule });
}
