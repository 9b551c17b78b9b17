import type { X509Certificate } from 'node:crypto';
import {
  type DerValue,
  derError,
  expectTag,
  readBoolean,
  readChildren,
  readDer,
  readOid,
  readTime,
  TAG,
} from './der.ts';

/** AlgorithmIdentifier (RFC 5280 §4.1.1.2). */
export interface AlgorithmIdentifier {
  readonly oid: string;
  /** Absent when there are none. */
  readonly parameters?: DerValue;
}

export interface CertificateExtension {
  readonly oid: string;
  readonly critical: boolean;
  /** DER of the extension's own type. */
  readonly value: Uint8Array;
}

/** The parts of a certificate that the rules of notary.md E compare, and node:crypto does not give. */
export interface ParsedCertificate {
  /** TBSCertificate, DER: what the issuer signed. */
  readonly tbsDer: Uint8Array;
  /** Content octets of the serial number: two's complement, as received. */
  readonly serialNumber: Uint8Array;
  /** The names, DER as received, for raw equality (E2). */
  readonly issuerDer: Uint8Array;
  readonly subjectDer: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyInfo: Uint8Array;
  /** By OID. */
  readonly extensions: ReadonlyMap<string, CertificateExtension>;
}

const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const parsedCertificates = new WeakMap<X509Certificate, ParsedCertificate>();

/**
 * Reads the fields of a certificate (RFC 5280 §4.1) by strict DER, once per object.
 * @throws NotaryError InvalidCertificate
 */
export function parseCertificate(certificate: X509Certificate): ParsedCertificate {
  const known = parsedCertificates.get(certificate);
  if (known !== undefined) return known;
  const parsed = readCertificate(certificate.raw);
  parsedCertificates.set(certificate, parsed);
  return parsed;
}

/** Reads an AlgorithmIdentifier. @throws NotaryError InvalidCertificate */
export function readAlgorithm(value: DerValue | undefined, what: string): AlgorithmIdentifier {
  const [oid, parameters, ...rest] = readChildren(expectTag(value, TAG.sequence, what), what);
  if (rest.length > 0) throw derError(what, 'it has extra fields');
  return { oid: readOid(oid, what), ...(parameters === undefined ? {} : { parameters }) };
}

function readCertificate(der: Uint8Array): ParsedCertificate {
  const [tbs, outerAlgorithm] = readChildren(readDer(der, TAG.sequence, 'the certificate'), 'the certificate');
  const tbsDer = expectTag(tbs, TAG.sequence, 'the certificate body');
  const fields = readChildren(tbsDer, 'the certificate body');
  // The version is absent in version 1 certificates.
  const start = fields[0]?.tag === VERSION ? 1 : 0;
  const innerAlgorithm = expectTag(fields[start + 1], TAG.sequence, 'the signature algorithm');
  if (outerAlgorithm === undefined || !Buffer.from(outerAlgorithm.bytes).equals(innerAlgorithm.bytes)) {
    throw derError('the certificate', 'it names two different signature algorithms');
  }
  const validity = expectTag(fields[start + 3], TAG.sequence, 'the validity');
  const times = readChildren(validity, 'the validity');
  if (times.length !== 2) throw derError('the validity', 'expected two times');
  for (const time of times) readTime(time, 'the validity');
  return {
    tbsDer: tbsDer.bytes,
    serialNumber: expectTag(fields[start], TAG.integer, 'the serial number').content,
    issuerDer: expectTag(fields[start + 2], TAG.sequence, 'the issuer').bytes,
    subjectDer: expectTag(fields[start + 4], TAG.sequence, 'the subject').bytes,
    signatureAlgorithm: readAlgorithm(innerAlgorithm, 'the signature algorithm'),
    publicKeyInfo: expectTag(fields[start + 5], TAG.sequence, 'the public key').bytes,
    extensions: readExtensions(fields.slice(start + 6).find((field) => field.tag === EXTENSIONS)),
  };
}

/**
 * Reads Extensions (RFC 5280 §4.1.2.9) under their explicit tag: of a certificate, a CRL or an OCSP answer.
 * @param explicit absent where there are none
 * @throws NotaryError InvalidCertificate
 */
export function readExtensions(explicit: DerValue | undefined): ReadonlyMap<string, CertificateExtension> {
  if (explicit === undefined) return new Map();
  const what = 'the extensions';
  const [list, ...rest] = readChildren(explicit, what);
  if (rest.length > 0) throw derError(what, 'values follow them');
  return readExtensionList(list);
}

/** Reads Extensions that stand without an explicit tag: of an entry of a CRL. @throws NotaryError InvalidCertificate */
export function readExtensionList(list: DerValue | undefined): ReadonlyMap<string, CertificateExtension> {
  const extensions = new Map<string, CertificateExtension>();
  const what = 'the extensions';
  for (const item of readChildren(expectTag(list, TAG.sequence, what), what)) {
    const fields = readChildren(expectTag(item, TAG.sequence, what), what);
    const oid = readOid(fields[0], what);
    if (fields.length > 3) throw derError(what, `${oid} has extra fields`);
    const flag = fields.length === 3 ? fields[1] : undefined;
    const critical = flag !== undefined && readBoolean(flag, what);
    if (extensions.has(oid)) throw derError(what, `${oid} stands twice`);
    extensions.set(oid, { oid, critical, value: expectTag(fields.at(-1), TAG.octetString, what).content });
  }
  return extensions;
}
