import type { X509Certificate } from 'node:crypto';
import { NotaryError } from '../error.ts';
import { distinguishedNameOf } from './distinguished-name.ts';
import { type IsSignedBy, isSelfSigned, isSignedBy, namesAsIssuer } from './issuance.ts';
import { checkIssuerUsage, checkKnownExtensions, checkLeafUsage, type LeafPurpose } from './usage.ts';

/** A longer chain is refused before any signature of it is checked. */
export const MAX_CERTIFICATES = 20;

/**
 * Checks a certificate chain, leaf first, root included (notary.md E1-E5, and E7 for time stamping): order, names,
 * signatures, and what each certificate may be used for. Neither trust nor validity in time is judged here.
 * @param signedBy where a cache knows some of the signatures already
 * @throws NotaryError InvalidCertificateChain, InvalidCertificate or InvalidKey; the message names the certificate and
 * what to do
 */
export function checkChain(
  certificates: readonly X509Certificate[],
  purpose: LeafPurpose,
  signedBy: IsSignedBy = isSignedBy,
): void {
  const leaf = certificates[0];
  if (leaf === undefined) throw invalid('E2', 'expected at least one certificate, the leaf first; found none');
  if (certificates.length > MAX_CERTIFICATES) {
    throw invalid('E2', `expected at most ${MAX_CERTIFICATES} certificates, found ${certificates.length}`);
  }
  checkOrder(certificates, signedBy);
  for (const certificate of certificates) checkKnownExtensions(certificate);
  // The issuer at index 1 has no certificate authority below it, the next has one, and so on.
  for (const [below, issuer] of certificates.slice(1).entries()) checkIssuerUsage(issuer, below, purpose);
  checkLeafUsage(leaf, purpose);
}

function checkOrder(certificates: readonly X509Certificate[], signedBy: IsSignedBy): void {
  for (const [index, certificate] of certificates.entries()) {
    const issuer = certificates[index + 1];
    if (issuer === undefined) {
      if (!isSelfSigned(certificate, signedBy)) throw notARoot(certificate, certificates);
      return;
    }
    if (isSelfSigned(certificate, signedBy)) {
      throw invalid(
        'E2',
        `certificate ${position(index, certificate)} is self-signed but is not the last: order the chain leaf first and root last, and remove what follows the root`,
      );
    }
    if (!namesAsIssuer(certificate, issuer)) throw misordered(index, certificate, issuer, certificates);
    if (!signedBy(certificate, issuer)) {
      throw invalid(
        'E2',
        `certificate ${position(index, certificate)} is not signed by the key of ${position(index + 1, issuer)}, although that has the name of its issuer`,
      );
    }
  }
}

function misordered(
  index: number,
  certificate: X509Certificate,
  next: X509Certificate,
  all: readonly X509Certificate[],
): NotaryError {
  const found = all.findIndex((other) => other !== certificate && namesAsIssuer(certificate, other));
  const advice =
    found === -1
      ? 'that certificate is missing: add it'
      : `that certificate is number ${found + 1}: put the leaf first, then each certificate's issuer, the root last`;
  return invalid(
    'E2',
    `certificate ${position(index, certificate)} is issued by ${distinguishedNameOf(certificate, 'issuer')}, but ${position(index + 1, next)} follows; ${advice}`,
  );
}

function notARoot(last: X509Certificate, all: readonly X509Certificate[]): NotaryError {
  const issuer = all.findIndex((other) => other !== last && namesAsIssuer(last, other));
  const advice =
    issuer === -1
      ? `add its issuer, ${distinguishedNameOf(last, 'issuer')}, up to the self-signed root`
      : "put the leaf first, then each certificate's issuer, the root last";
  if (namesAsIssuer(last, last)) {
    return invalid(
      all.length === 1 ? 'E1' : 'E2',
      `the root, ${position(all.length - 1, last)}, names itself as its issuer, but its own key did not sign it`,
    );
  }
  if (all.length === 1) {
    return invalid('E1', `the one certificate, ${distinguishedNameOf(last)}, is not self-signed: ${advice}`);
  }
  return invalid('E2', `the last certificate, ${position(all.length - 1, last)}, is not a self-signed root: ${advice}`);
}

function position(index: number, certificate: X509Certificate): string {
  return `${index + 1} (${distinguishedNameOf(certificate)})`;
}

function invalid(rule: string, message: string): NotaryError {
  return new NotaryError('InvalidCertificateChain', `certificate chain: ${message} (notary.md ${rule})`, { rule });
}
