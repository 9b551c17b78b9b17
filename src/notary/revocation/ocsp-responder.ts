import type { X509Certificate } from 'node:crypto';
import { EKU_OID, EXTENSION_OID, extKeyUsageOf, keyUsageOf } from '../certificates/extensions.ts';
import { isSignedBy, namesAsIssuer } from '../certificates/issuance.ts';
import { type ParsedCertificate, parseCertificate } from '../certificates/parsed-certificate.ts';
import { verifyByAuthority } from '../certificates/signature-algorithm.ts';
import { checkKnownExtensions } from '../certificates/usage.ts';
import { keyOf } from './crl.ts';
import { keyHashOf } from './ocsp-request.ts';
import type { OcspResponse } from './ocsp-response.ts';
import { revocationSourcesOf } from './sources.ts';
import { unusable } from './unusable.ts';

/**
 * Verifies that an answer is signed by the certificate's issuer, or by a responder that it delegated (notary.md H3;
 * RFC 6960 §4.2.2.2).
 * @returns the delegated responder; undefined when the issuer itself signed
 * @throws NotaryError InvalidCertificate with a sentence
 */
export function verifyResponder(
  response: OcspResponse,
  certificate: X509Certificate,
  issuer: X509Certificate,
  now: Date,
): X509Certificate | undefined {
  if (isResponder(response, parseCertificate(issuer))) {
    requireSignature(response, parseCertificate(issuer));
    return undefined;
  }
  const responder = response.certificates.find((candidate) => isResponder(response, parseCertificate(candidate)));
  if (responder === undefined)
    throw unusable('the OCSP answer', 'who signed it is neither the issuer nor among its certificates', 'H3');
  const fields = parseCertificate(responder);
  if (responder.raw.equals(certificate.raw))
    throw unusable('the OCSP answer', 'the certificate answers for itself', 'H3');
  if (!namesAsIssuer(responder, issuer) || !isSignedBy(responder, issuer)) {
    throw unusable('the OCSP answer', "its responder is not certified by the certificate's issuer", 'H3');
  }
  if (now < responder.validFromDate || now > responder.validToDate) {
    throw unusable('the OCSP answer', "its responder's certificate is not valid now", 'H3');
  }
  if (extKeyUsageOf(fields)?.purposes.includes(EKU_OID.OCSPSigning) !== true) {
    throw unusable('the OCSP answer', "its responder's certificate is not for OCSPSigning", 'H3');
  }
  if (keyUsageOf(fields)?.usages.has('digitalSignature') === false) {
    throw unusable('the OCSP answer', "its responder's key is not for signatures", 'H3');
  }
  checkKnownExtensions(responder);
  requireSignature(response, fields);
  return responder;
}

/**
 * Whether a delegated responder must be asked for itself: not with id-pkix-ocsp-nocheck, by which its issuer vouches
 * for it as long as it lives (RFC 6960 §4.2.2.2.1), nor where it names no source, so that its lifetime bounds it.
 */
export function mustBeChecked(responder: ParsedCertificate): boolean {
  if (responder.extensions.has(EXTENSION_OID.ocspNoCheck)) return false;
  const { ocsp, distributionPoints } = revocationSourcesOf(responder);
  return ocsp !== undefined || distributionPoints !== undefined;
}

function isResponder({ responder }: OcspResponse, candidate: ParsedCertificate): boolean {
  return responder.kind === 'name'
    ? Buffer.from(responder.der).equals(candidate.subjectDer)
    : keyHashOf(candidate).equals(responder.hash);
}

function requireSignature({ algorithm, signedBytes, signature }: OcspResponse, signer: ParsedCertificate): void {
  if (!verifyByAuthority(algorithm, keyOf(signer), signedBytes, signature)) {
    throw unusable('the OCSP answer', "its signature does not verify with the responder's key", 'H3');
  }
}
