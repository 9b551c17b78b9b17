import type { X509Certificate } from 'node:crypto';
import { signatureAlgorithmOf } from '../algorithm.ts';
import { NotaryError } from '../error.ts';
import { distinguishedNameOf } from './distinguished-name.ts';
import { type ParsedCertificate, parseCertificate } from './parsed-certificate.ts';

const FORBIDDEN_LEAF_USAGES = [
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'crlSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
const FORBIDDEN_LEAF_PURPOSES: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'serverAuth',
  '1.3.6.1.5.5.7.3.2': 'clientAuth',
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping',
  '1.3.6.1.5.5.7.3.9': 'OCSPSigning',
  '2.5.29.37.0': 'anyExtendedKeyUsage',
};

interface Link {
  readonly certificate: X509Certificate;
  readonly parsed: ParsedCertificate;
  readonly name: string;
}

/**
 * Checks a code-signing chain, leaf first and root included (notary.md E1 to E5). Times are not compared here.
 * @throws NotaryError InvalidCertificateChain or InvalidCertificate, naming the certificate and the rule
 */
export function checkChain(certificates: readonly X509Certificate[]): void {
  const links = certificates.map((certificate) => ({
    certificate,
    parsed: parseCertificate(certificate),
    name: distinguishedNameOf(certificate),
  }));
  const [leaf, ...issuers] = links;
  if (leaf === undefined) throw invalid('E2', 'expected at least one certificate; found none');
  for (const link of links) checkCommon(link);
  checkLeaf(leaf);
  if (issuers.length === 0) {
    if (!isSelfSigned(leaf)) {
      throw invalid(
        'E1',
        `the only certificate, ${leaf.name}, is not self-signed: give the whole chain up to its root`,
      );
    }
    return;
  }
  links.forEach((link, i) => {
    const issuer = links[i + 1];
    if (issuer === undefined) checkRoot(link);
    else checkIssued(link, issuer);
  });
  issuers.forEach((link, i) => {
    checkAuthority(link, i);
  });
}

function checkCommon({ parsed, name }: Link): void {
  const hash = parsed.signatureHash;
  if (typeof hash === 'object') {
    throw invalid('E2', `${name} is signed with the algorithm ${hash.refused}; expected SHA-256, SHA-384 or SHA-512`);
  }
  const unknown = parsed.unknownCritical[0];
  if (unknown !== undefined)
    throw invalid('E2', `${name} has the critical extension ${unknown}, which is not understood`);
}

function checkIssued(link: Link, issuer: Link): void {
  if (!link.parsed.issuerDer.equals(issuer.parsed.subjectDer)) {
    throw invalid(
      'E2',
      `${link.name} was issued by ${distinguishedNameOf(link.certificate, 'issuer')}, but ${issuer.name} follows it: order the chain leaf first, each issuer next, and nothing else`,
    );
  }
  if (isSelfSigned(link))
    throw invalid('E2', `${link.name} is self-signed, but more certificates follow it: remove them`);
  if (!link.certificate.verify(issuer.certificate.publicKey)) {
    throw invalid('E2', `${link.name} names ${issuer.name} as its issuer, but that one's key did not sign it`);
  }
}

function checkRoot(link: Link): void {
  if (!isSelfSigned(link))
    throw invalid('E2', `the last certificate, ${link.name}, is not a self-signed root: append the root`);
}

function isSelfSigned({ certificate, parsed }: Link): boolean {
  return parsed.issuerDer.equals(parsed.subjectDer) && certificate.verify(certificate.publicKey);
}

/** @param depth how many CA certificates stand between this one and the leaf */
function checkAuthority({ parsed, name }: Link, depth: number): void {
  const constraints = parsed.basicConstraints;
  if (constraints === undefined || !constraints.ca)
    throw invalid('E3', `${name} issues certificates, but is no CA (basicConstraints)`);
  if (!constraints.critical) throw invalid('E3', `${name}: basicConstraints must be critical`);
  if (constraints.pathLength !== undefined && constraints.pathLength < depth) {
    throw invalid('E3', `${name} allows ${constraints.pathLength} CAs below it (pathLen); the chain has ${depth}`);
  }
  if (parsed.keyUsage === undefined || !parsed.keyUsage.critical)
    throw invalid('E3', `${name}: keyUsage must be there and critical`);
  if (!parsed.keyUsage.usages.has('keyCertSign')) throw invalid('E3', `${name}: keyUsage lacks keyCertSign`);
}

function checkLeaf({ certificate, parsed, name }: Link): void {
  if (parsed.basicConstraints?.ca === true)
    throw invalid('E4', `the leaf ${name} is a CA; sign with an end-entity certificate`);
  const { keyUsage, extendedKeyUsage } = parsed;
  if (keyUsage === undefined || !keyUsage.critical)
    throw invalid('E4', `the leaf ${name}: keyUsage must be there and critical`);
  if (!keyUsage.usages.has('digitalSignature'))
    throw invalid('E4', `the leaf ${name}: keyUsage lacks digitalSignature`);
  const forbidden = FORBIDDEN_LEAF_USAGES.find((usage) => keyUsage.usages.has(usage));
  if (forbidden !== undefined)
    throw invalid('E4', `the leaf ${name}: keyUsage ${forbidden} is not allowed for code signing`);
  for (const oid of extendedKeyUsage?.oids ?? []) {
    const purpose = FORBIDDEN_LEAF_PURPOSES[oid];
    if (purpose !== undefined)
      throw invalid('E4', `the leaf ${name}: extKeyUsage ${purpose} is not allowed for code signing`);
  }
  try {
    signatureAlgorithmOf(certificate);
  } catch (error) {
    if (error instanceof NotaryError) throw invalid('E5', `the leaf ${name}: ${error.message}`);
    throw error;
  }
}

function invalid(rule: string, message: string): NotaryError {
  return new NotaryError('InvalidCertificateChain', `certificate chain: ${message} (notary.md ${rule})`, { rule });
}
