import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  type DerValue,
  derError,
  expectTag,
  readBoolean,
  readChildren,
  readDer,
  readTime,
  TAG,
} from '../certificates/der.ts';
import { EXTENSION_OID } from '../certificates/extensions.ts';
import { type CertificateExtension, readAlgorithm, readExtensions } from '../certificates/parsed-certificate.ts';
import { verifyByAuthority } from '../certificates/signature-algorithm.ts';
import { type CrlEntry, findEntries } from './crl-entries.ts';
import type { Reasons } from './reasons.ts';
import {
  type DistributionPoint,
  readDistributionPointName,
  readDistributionPoints,
  readReasonFlags,
} from './sources.ts';
import { unusable } from './unusable.ts';

/** Extensions of CRLs (RFC 5280 §5.2). */
export const CRL_EXTENSION = {
  cRLNumber: '2.5.29.20',
  deltaCRLIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  freshestCRL: EXTENSION_OID.freshestCRL,
} as const;
/** The extensions that are evaluated here, so that they may be critical. */
const KNOWN: ReadonlySet<string> = new Set(Object.values(CRL_EXTENSION));
const MAX_NUMBER_BYTES = 20;
/** Explicit tag of crlExtensions. */
const EXTENSIONS = 0xa0;

/** What a CRL is about (RFC 5280 §5.2.5). */
export interface CrlScope {
  /** The whole extension, for comparing a delta CRL's with its base's. */
  readonly der: Uint8Array;
  /** Names of the distribution point; absent where none is named, empty where it has no full name. */
  readonly names?: readonly Uint8Array[];
  readonly onlyUserCertificates: boolean;
  readonly onlyAuthorityCertificates: boolean;
  readonly onlyAttributeCertificates: boolean;
  readonly onlySomeReasons?: Reasons;
  readonly indirect: boolean;
}

/** A CRL whose signature holds. Whether it is current, and about a certificate, is asked for each use. */
export interface Crl {
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly number?: bigint;
  /** BaseCRLNumber: present in delta CRLs only. */
  readonly baseNumber?: bigint;
  readonly scope?: CrlScope;
  /** Where its delta CRLs are. */
  readonly freshest: readonly DistributionPoint[];
  /** What it says of a certificate, by the content octets of its serial number. */
  readonly entriesOf: (serialNumber: Uint8Array) => readonly CrlEntry[];
  readonly byteLength: number;
}

/** Who must have issued a CRL. */
export interface CrlIssuer {
  readonly subjectDer: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyInfo: Uint8Array;
}

/**
 * Reads a CRL (RFC 5280 §5) by strict DER and verifies the issuer's signature over the received bytes (notary.md H4).
 * @throws NotaryError InvalidCertificate, with a sentence: it is malformed, another's, badly signed, without
 * nextUpdate, or has critical extensions that nobody here understands
 */
export function readCrl(der: Uint8Array, issuer: CrlIssuer): Crl {
  const what = 'the CRL';
  const [body, algorithm, signature, ...rest] = readChildren(readDer(der, TAG.sequence, what), what);
  if (rest.length > 0) throw derError(what, 'it has extra fields');
  const tbs = expectTag(body, TAG.sequence, what);
  const fields = [...readChildren(tbs, what)];
  const version = fields[0]?.tag === TAG.integer ? fields.shift() : undefined;
  if (version !== undefined && !(version.content.length === 1 && version.content[0] === 1)) {
    throw derError(what, 'its version is not 2');
  }
  const innerAlgorithm = expectTag(fields.shift(), TAG.sequence, what);
  const outerAlgorithm = expectTag(algorithm, TAG.sequence, what);
  if (!Buffer.from(innerAlgorithm.bytes).equals(outerAlgorithm.bytes)) {
    throw derError(what, 'it names two different signature algorithms');
  }
  const issuerName = expectTag(fields.shift(), TAG.sequence, what);
  if (!Buffer.from(issuerName.bytes).equals(issuer.subjectDer)) {
    throw unusable(what, "it is not of the certificate's issuer", 'H4');
  }
  const key = keyOf(issuer);
  if (!verifyByAuthority(readAlgorithm(outerAlgorithm, what), key, tbs.bytes, readSignature(signature, what))) {
    throw unusable(what, "its signature does not verify with the issuer's key", 'H4');
  }
  if (version === undefined && fields.some(({ tag }) => tag === EXTENSIONS)) {
    throw derError(what, 'it has extensions, and is of version 1');
  }
  return readSigned(fields, der.length);
}

/** The fields behind the issuer's name. */
function readSigned(fields: DerValue[], byteLength: number): Crl {
  const what = 'the CRL';
  const [first, second] = fields.splice(0, isTime(fields[1]) ? 2 : 1);
  if (first === undefined) throw derError(what, 'it has no thisUpdate');
  if (second === undefined) throw unusable(what, 'it has no nextUpdate', 'H4');
  const list = fields[0]?.tag === TAG.sequence ? fields.shift() : undefined;
  const explicit = fields[0]?.tag === EXTENSIONS ? fields.shift() : undefined;
  if (fields.length > 0) throw derError(what, 'it has extra fields');
  const extensions = readExtensions(explicit);
  for (const { oid, critical } of extensions.values()) {
    if (critical && !KNOWN.has(oid)) throw unusable(what, `its critical extension ${oid} is not understood`, 'H4');
  }
  const number = readNumber(extensions.get(CRL_EXTENSION.cRLNumber));
  const baseNumber = readNumber(extensions.get(CRL_EXTENSION.deltaCRLIndicator));
  const scope = extensions.get(CRL_EXTENSION.issuingDistributionPoint);
  const freshest = extensions.get(CRL_EXTENSION.freshestCRL);
  return {
    thisUpdate: readTime(first, what),
    nextUpdate: readTime(second, what),
    ...(number === undefined ? {} : { number }),
    ...(baseNumber === undefined ? {} : { baseNumber }),
    ...(scope === undefined ? {} : { scope: readScope(scope.value) }),
    freshest: freshest === undefined ? [] : readDistributionPoints(freshest.value),
    entriesOf: remembering((serialNumber) => (list === undefined ? [] : findEntries(list.content, serialNumber))),
    byteLength,
  };
}

/** A CRL is asked about few certificates, again and again. */
const MAX_REMEMBERED = 256;

function remembering(find: (serialNumber: Uint8Array) => readonly CrlEntry[]): Crl['entriesOf'] {
  const known = new Map<string, readonly CrlEntry[]>();
  return (serialNumber) => {
    const key = Buffer.from(serialNumber).toString('hex');
    const entries = known.get(key) ?? find(serialNumber);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(key, entries);
    return entries;
  };
}

function isTime(value: DerValue | undefined): boolean {
  return value?.tag === TAG.utcTime || value?.tag === TAG.generalizedTime;
}

function readScope(der: Uint8Array): CrlScope {
  const what = 'issuingDistributionPoint';
  const fields = readChildren(readDer(der, TAG.sequence, what), what);
  const field = (tag: number): DerValue | undefined => fields.find((value) => value.tag === tag);
  const flag = (tag: number): boolean => {
    const value = field(tag);
    return value !== undefined && readBoolean({ ...value, tag: TAG.boolean }, what);
  };
  if (fields.some(({ tag }) => ![0xa0, 0x81, 0x82, 0x83, 0x84, 0x85].includes(tag))) {
    throw derError(what, 'it has unknown fields');
  }
  const name = field(0xa0);
  const reasons = field(0x83);
  return {
    der,
    ...(name === undefined ? {} : { names: readDistributionPointName(name, what).map(({ bytes }) => bytes) }),
    onlyUserCertificates: flag(0x81),
    onlyAuthorityCertificates: flag(0x82),
    ...(reasons === undefined ? {} : { onlySomeReasons: readReasonFlags(reasons, what) }),
    indirect: flag(0x84),
    onlyAttributeCertificates: flag(0x85),
  };
}

function readNumber(extension: CertificateExtension | undefined): bigint | undefined {
  if (extension === undefined) return undefined;
  const what = 'the CRL number';
  const { content } = readDer(extension.value, TAG.integer, what);
  const [first, next] = content;
  const padded = first === 0 && next !== undefined && next < 0x80;
  if (first === undefined || first >= 0x80 || padded || content.length > MAX_NUMBER_BYTES) {
    throw derError(what, 'a bad INTEGER');
  }
  return BigInt(`0x${Buffer.from(content).toString('hex')}`);
}

/** The octets of a signature's BIT STRING. @throws NotaryError InvalidCertificate */
export function readSignature(value: DerValue | undefined, what: string): Uint8Array {
  const { content } = expectTag(value, TAG.bitString, what);
  if (content[0] !== 0) throw derError(what, 'its signature is no whole number of octets');
  return content.subarray(1);
}

/** @throws NotaryError InvalidCertificate */
export function keyOf({ publicKeyInfo }: Pick<CrlIssuer, 'publicKeyInfo'>): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(publicKeyInfo), format: 'der', type: 'spki' });
  } catch {
    throw derError("the issuer's public key", 'OpenSSL does not take it');
  }
}
