import type { X509Certificate } from 'node:crypto';
import { RsaSaPssParams } from '@peculiar/asn1-rsa';
import { AsnConvert, type OctetString } from '@peculiar/asn1-schema';
import {
  AuthorityInfoAccessSyntax,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  id_ce_basicConstraints,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_pe_authorityInfoAccess,
  KeyUsage,
  type Name,
} from '@peculiar/asn1-x509';
import { NotaryError } from '../error.ts';

/** What the rules of notary.md E read of a certificate. */
export interface ParsedCertificate {
  readonly subject: Name;
  readonly issuer: Name;
  /** DER of the names, for raw equality (E2). */
  readonly subjectDer: Buffer;
  readonly issuerDer: Buffer;
  /** The hash of the certificate's own signature, or what stands in its place. */
  readonly signatureHash: 'SHA-256' | 'SHA-384' | 'SHA-512' | { readonly refused: string };
  readonly basicConstraints?: { readonly critical: boolean; readonly ca: boolean; readonly pathLength?: number };
  readonly keyUsage?: { readonly critical: boolean; readonly usages: ReadonlySet<string> };
  readonly extendedKeyUsage?: { readonly critical: boolean; readonly oids: readonly string[] };
  /** Whether an OCSP responder or a CRL distribution point is named (H1). */
  readonly namesRevocationSource: boolean;
  /** OIDs of critical extensions that nothing here processes. */
  readonly unknownCritical: readonly string[];
}

const OCSP = '1.3.6.1.5.5.7.48.1';
const RSA_PSS = '1.2.840.113549.1.1.10';
const HASHES: Readonly<Record<string, 'SHA-256' | 'SHA-384' | 'SHA-512'>> = {
  '1.2.840.113549.1.1.11': 'SHA-256',
  '1.2.840.113549.1.1.12': 'SHA-384',
  '1.2.840.113549.1.1.13': 'SHA-512',
  '1.2.840.10045.4.3.2': 'SHA-256',
  '1.2.840.10045.4.3.3': 'SHA-384',
  '1.2.840.10045.4.3.4': 'SHA-512',
  '2.16.840.1.101.3.4.2.1': 'SHA-256',
  '2.16.840.1.101.3.4.2.2': 'SHA-384',
  '2.16.840.1.101.3.4.2.3': 'SHA-512',
};
const PROCESSED = new Set([id_ce_basicConstraints, id_ce_keyUsage, id_ce_extKeyUsage]);

/** Reads a certificate's fields. @throws NotaryError InvalidCertificate */
export function parseCertificate(certificate: X509Certificate): ParsedCertificate {
  try {
    return read(certificate);
  } catch (error) {
    throw new NotaryError('InvalidCertificate', 'the certificate holds an extension or name that cannot be read', {
      cause: error,
    });
  }
}

function read(certificate: X509Certificate): ParsedCertificate {
  const { tbsCertificate, signatureAlgorithm } = AsnConvert.parse(certificate.raw, Certificate);
  const extensions = new Map<string, { readonly critical: boolean; readonly value: ArrayBuffer }>();
  for (const extension of tbsCertificate.extensions ?? []) {
    if (extensions.has(extension.extnID)) throw new Error(`extension ${extension.extnID} stands twice`);
    extensions.set(extension.extnID, { critical: extension.critical, value: bytesOf(extension.extnValue) });
  }
  const basic = extensions.get(id_ce_basicConstraints);
  const usage = extensions.get(id_ce_keyUsage);
  const extended = extensions.get(id_ce_extKeyUsage);
  const access = extensions.get(id_pe_authorityInfoAccess);
  const constraints = basic === undefined ? undefined : AsnConvert.parse(basic.value, BasicConstraints);
  const names =
    access === undefined
      ? []
      : [...AsnConvert.parse(access.value, AuthorityInfoAccessSyntax)].map((entry) => entry.accessMethod);
  return {
    subject: tbsCertificate.subject,
    issuer: tbsCertificate.issuer,
    subjectDer: Buffer.from(AsnConvert.serialize(tbsCertificate.subject)),
    issuerDer: Buffer.from(AsnConvert.serialize(tbsCertificate.issuer)),
    signatureHash: signatureHash(signatureAlgorithm.algorithm, signatureAlgorithm.parameters),
    ...(basic === undefined || constraints === undefined
      ? {}
      : {
          basicConstraints: {
            critical: basic.critical,
            ca: constraints.cA,
            ...(constraints.pathLenConstraint === undefined ? {} : { pathLength: constraints.pathLenConstraint }),
          },
        }),
    ...(usage === undefined
      ? {}
      : {
          keyUsage: {
            critical: usage.critical,
            usages: new Set<string>(AsnConvert.parse(usage.value, KeyUsage).toJSON()),
          },
        }),
    ...(extended === undefined
      ? {}
      : {
          extendedKeyUsage: {
            critical: extended.critical,
            oids: [...AsnConvert.parse(extended.value, ExtendedKeyUsage)],
          },
        }),
    namesRevocationSource: names.includes(OCSP) || extensions.has(id_ce_cRLDistributionPoints),
    unknownCritical: [...extensions]
      .filter(([oid, { critical }]) => critical && !PROCESSED.has(oid))
      .map(([oid]) => oid),
  };
}

function bytesOf(value: OctetString): ArrayBuffer {
  return value.buffer;
}

function signatureHash(
  algorithm: string,
  parameters: ArrayBuffer | null | undefined,
): ParsedCertificate['signatureHash'] {
  const oid =
    algorithm === RSA_PSS && parameters !== null && parameters !== undefined
      ? AsnConvert.parse(parameters, RsaSaPssParams).hashAlgorithm.algorithm
      : algorithm;
  return HASHES[oid] ?? { refused: oid };
}
