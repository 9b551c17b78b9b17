import type { X509Certificate } from 'node:crypto';
import { signatureAlgorithmOf } from '../algorithm.ts';
import { NotaryError } from '../error.ts';
import { distinguishedNameOf } from './distinguished-name.ts';
import {
  basicConstraintsOf,
  constrainsDirectoryNames,
  EKU_OID,
  EXTENSION_OID,
  extKeyUsageOf,
  type KeyUsage,
  keyUsageOf,
} from './extensions.ts';
import { type ParsedCertificate, parseCertificate } from './parsed-certificate.ts';

/** What a leaf certificate is for: signing artifacts (E4) or time stamping (E7). */
export type LeafPurpose = 'codeSigning' | 'timeStamping';

const LEAF_FORBIDDEN_USAGES: readonly KeyUsage[] = [
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

const LEAF_FORBIDDEN_PURPOSES = [
  'serverAuth',
  'clientAuth',
  'emailProtection',
  'timeStamping',
  'OCSPSigning',
  'anyExtendedKeyUsage',
] as const;

/** Extensions that may be critical: evaluated here, or without bearing on a signing leaf (RFC 5280 §4.2). */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  EXTENSION_OID.keyUsage,
  EXTENSION_OID.subjectAltName,
  EXTENSION_OID.issuerAltName,
  EXTENSION_OID.basicConstraints,
  EXTENSION_OID.nameConstraints,
  EXTENSION_OID.crlDistributionPoints,
  EXTENSION_OID.certificatePolicies,
  EXTENSION_OID.policyMappings,
  EXTENSION_OID.policyConstraints,
  EXTENSION_OID.extKeyUsage,
  EXTENSION_OID.inhibitAnyPolicy,
]);

/**
 * Refuses critical extensions that nobody here understands, as RFC 5280 §4.2 demands, and constraints on directory
 * names: the subject of the leaf is its identity, and they are not evaluated.
 */
export function checkKnownExtensions(certificate: X509Certificate): void {
  const fields = parseCertificate(certificate);
  for (const { oid, critical } of fields.extensions.values()) {
    if (critical && !KNOWN_EXTENSIONS.has(oid)) {
      throw invalid('E2', certificate, `the critical extension ${oid} is not understood`);
    }
  }
  if (constrainsDirectoryNames(fields)) {
    throw invalid('E2', certificate, 'nameConstraints on directory names are not supported');
  }
}

/**
 * What a certificate needs to issue others (notary.md E3).
 * @param authoritiesBelow how many certificate authorities stand between it and the leaf
 */
export function checkIssuerUsage(certificate: X509Certificate, authoritiesBelow: number, purpose: LeafPurpose): void {
  const fields = parseCertificate(certificate);
  const constraints = basicConstraintsOf(fields);
  if (constraints?.ca !== true) {
    throw invalid('E3', certificate, 'it issues another, so basicConstraints must have CA true');
  }
  if (!constraints.critical) throw invalid('E3', certificate, 'basicConstraints must be critical');
  if (constraints.pathLength !== undefined && constraints.pathLength < authoritiesBelow) {
    throw invalid(
      'E3',
      certificate,
      `pathLen ${constraints.pathLength} allows fewer than the ${authoritiesBelow} certificate authorities below it`,
    );
  }
  requireUsage(certificate, fields, 'keyCertSign', 'E3', purpose);
}

/** What a leaf needs (notary.md E4 and E5; E7 for time stamping). */
export function checkLeafUsage(leaf: X509Certificate, purpose: LeafPurpose): void {
  const rule = purpose === 'codeSigning' ? 'E4' : 'E7';
  const fields = parseCertificate(leaf);
  if (basicConstraintsOf(fields)?.ca === true) {
    throw invalid(rule, leaf, 'the leaf must not be a certificate authority');
  }
  const usages = requireUsage(leaf, fields, 'digitalSignature', rule, purpose);
  const forbidden = LEAF_FORBIDDEN_USAGES.filter((usage) => usages.has(usage));
  if (forbidden.length > 0) {
    throw invalid(rule, leaf, `keyUsage of the leaf must not have ${forbidden.join(', ')}`);
  }
  if (purpose === 'codeSigning') checkSigningPurposes(leaf, fields);
  else checkTimeStampingPurpose(leaf, fields);
  checkKey(leaf);
}

function checkSigningPurposes(leaf: X509Certificate, fields: ParsedCertificate): void {
  const purposes = extKeyUsageOf(fields)?.purposes ?? [];
  const forbidden = LEAF_FORBIDDEN_PURPOSES.filter((purpose) => purposes.includes(EKU_OID[purpose]));
  if (forbidden.length > 0) throw invalid('E4', leaf, `extKeyUsage of the leaf must not have ${forbidden.join(', ')}`);
}

function checkTimeStampingPurpose(leaf: X509Certificate, fields: ParsedCertificate): void {
  const usage = extKeyUsageOf(fields);
  const exact = usage?.purposes.length === 1 && usage.purposes[0] === EKU_OID.timeStamping;
  if (!exact || !usage.critical) {
    throw invalid('E7', leaf, 'extKeyUsage must be critical and have exactly timeStamping');
  }
}

function checkKey(leaf: X509Certificate): void {
  try {
    signatureAlgorithmOf(leaf);
  } catch (cause) {
    if (!(cause instanceof NotaryError)) throw cause;
    throw new NotaryError('InvalidCertificateChain', `certificate ${distinguishedNameOf(leaf)}: ${cause.message}`, {
      rule: 'E5',
      cause,
    });
  }
}

function requireUsage(
  certificate: X509Certificate,
  fields: ParsedCertificate,
  usage: KeyUsage,
  rule: string,
  purpose: LeafPurpose,
): ReadonlySet<KeyUsage> {
  const found = keyUsageOf(fields);
  if (found === undefined)
    throw invalid(
      rule,
      certificate,
      `keyUsage is missing: expected ${purpose === 'timeStamping' ? 'it' : 'it critical'} with ${usage}`,
    );
  // Of time stamping authorities E7 asks only that it is present.
  if (!found.critical && purpose !== 'timeStamping') throw invalid(rule, certificate, 'keyUsage must be critical');
  if (!found.usages.has(usage)) throw invalid(rule, certificate, `keyUsage must have ${usage}`);
  return found.usages;
}

function invalid(rule: string, certificate: X509Certificate, found: string): NotaryError {
  return new NotaryError(
    'InvalidCertificateChain',
    `certificate ${distinguishedNameOf(certificate)}: ${found} (notary.md ${rule})`,
    {
      rule,
    },
  );
}
