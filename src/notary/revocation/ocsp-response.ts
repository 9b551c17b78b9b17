import { X509Certificate } from 'node:crypto';
import {
  type DerValue,
  derError,
  expectTag,
  readChildren,
  readDer,
  readOid,
  readTime,
  TAG,
} from '../certificates/der.ts';
import {
  type AlgorithmIdentifier,
  type CertificateExtension,
  readAlgorithm,
  readExtensions,
} from '../certificates/parsed-certificate.ts';
import { readSignature } from './crl.ts';
import { ENTRY_EXTENSION, readInvalidityDate, readReason } from './crl-entries.ts';
import { type CertificateId, SHA1_OID } from './ocsp-request.ts';
import { REMOVE_FROM_CRL } from './reasons.ts';
import { unusable } from './unusable.ts';

/** What a responder says of one certificate. */
export type OcspStatus =
  | { readonly status: 'good' }
  | { readonly status: 'unknown' }
  | {
      readonly status: 'revoked';
      readonly revocationDate: Date;
      /** Number of CRLReason; absent where the responder gives none. */
      readonly reason?: number;
      readonly invalidityDate?: Date;
    };

/** An OCSP answer as read: nothing of it is verified yet. */
export interface OcspResponse {
  /** What is signed, as received. */
  readonly signedBytes: Uint8Array;
  readonly algorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  readonly responder:
    | { readonly kind: 'name'; readonly der: Uint8Array }
    | { readonly kind: 'key'; readonly hash: Uint8Array };
  /** That came with it, for whom they may be of use. */
  readonly certificates: readonly X509Certificate[];
  /** What it says of the certificate asked for; undefined when it is about others only. */
  readonly single: { readonly status: OcspStatus; readonly thisUpdate: Date; readonly nextUpdate?: Date } | undefined;
}

const BASIC = '1.3.6.1.5.5.7.48.1.1';
/** OCSPResponseStatus (RFC 6960 §4.2.1). */
const STATUSES: ReadonlyMap<number | undefined, string> = new Map([
  [1, 'malformedRequest'],
  [2, 'internalError'],
  [3, 'tryLater'],
  [5, 'sigRequired'],
  [6, 'unauthorized'],
]);
/** More certificates, or answers, than a responder has reason to send. */
const MAX_CERTIFICATES = 8;
const MAX_RESPONSES = 64;
const WHAT = 'the OCSP answer' as const;

/**
 * Reads an OCSP answer (RFC 6960 §4.2) by strict DER. Not by the library that makes the requests: it takes any BER,
 * and what is signed must have one reading.
 * @throws NotaryError InvalidCertificate, with a sentence
 */
export function readOcspResponse(der: Uint8Array, id: CertificateId): OcspResponse {
  const [status, explicit, ...rest] = readChildren(readDer(der, TAG.sequence, WHAT), WHAT);
  const { content } = expectTag(status, TAG.enumerated, WHAT);
  if (content.length !== 1) throw derError(WHAT, 'a bad status');
  if (content[0] !== 0)
    throw unusable(WHAT, `the responder says ${STATUSES.get(content[0]) ?? `status ${content[0]}`}`, 'H2');
  if (rest.length > 0) throw derError(WHAT, 'it has extra fields');
  const [type, octets, ...others] = readChildren(onlyChild(expectTag(explicit, 0xa0, WHAT)), WHAT);
  if (readOid(type, WHAT) !== BASIC || others.length > 0) throw derError(WHAT, 'it is no basic answer');
  return readBasic(expectTag(octets, TAG.octetString, WHAT).content, id);
}

function readBasic(der: Uint8Array, id: CertificateId): OcspResponse {
  const [data, algorithm, signature, certificates, ...rest] = readChildren(readDer(der, TAG.sequence, WHAT), WHAT);
  if (rest.length > 0) throw derError(WHAT, 'it has extra fields');
  const tbs = expectTag(data, TAG.sequence, WHAT);
  const fields = [...readChildren(tbs, WHAT)];
  if (fields[0]?.tag === 0xa0) throw derError(WHAT, 'its version is not 1');
  const responder = readResponder(fields.shift());
  readTime(expectTag(fields.shift(), TAG.generalizedTime, WHAT), WHAT);
  const responses = readChildren(expectTag(fields.shift(), TAG.sequence, WHAT), WHAT);
  if (responses.length > MAX_RESPONSES) throw derError(WHAT, `it has more than ${MAX_RESPONSES} answers`);
  const extensions = fields[0]?.tag === 0xa1 ? fields.shift() : undefined;
  if (fields.length > 0) throw derError(WHAT, 'it has extra fields');
  refuseCritical(readExtensions(extensions));
  const ours = responses.filter((response) => isAbout(response, id));
  if (ours.length > 1) throw unusable(WHAT, 'it answers for the certificate twice', 'H3');
  return {
    signedBytes: tbs.bytes,
    algorithm: readAlgorithm(algorithm, WHAT),
    signature: readSignature(signature, WHAT),
    responder,
    certificates: certificates === undefined ? [] : readCertificates(expectTag(certificates, 0xa0, WHAT)),
    single: ours[0] === undefined ? undefined : readSingle(ours[0]),
  };
}

function readResponder(value: DerValue | undefined): OcspResponse['responder'] {
  if (value?.tag === 0xa1) return { kind: 'name', der: expectTag(onlyChild(value), TAG.sequence, WHAT).bytes };
  if (value?.tag === 0xa2) return { kind: 'key', hash: expectTag(onlyChild(value), TAG.octetString, WHAT).content };
  throw derError(WHAT, 'it names no responder');
}

/** The full CertID must be that of the request (notary.md H3). */
function isAbout(response: DerValue, id: CertificateId): boolean {
  const [certId] = readChildren(expectTag(response, TAG.sequence, WHAT), WHAT);
  const [hash, name, key, serial] = readChildren(expectTag(certId, TAG.sequence, WHAT), WHAT);
  return (
    readAlgorithm(hash, WHAT).oid === SHA1_OID &&
    id.issuerNameHash.equals(expectTag(name, TAG.octetString, WHAT).content) &&
    id.issuerKeyHash.equals(expectTag(key, TAG.octetString, WHAT).content) &&
    id.serialNumber.equals(expectTag(serial, TAG.integer, WHAT).content)
  );
}

function readSingle(response: DerValue): OcspResponse['single'] {
  const [, status, thisUpdate, ...rest] = readChildren(response, WHAT);
  const fields = [...rest];
  const next = fields[0]?.tag === 0xa0 ? fields.shift() : undefined;
  const explicit = fields[0]?.tag === 0xa1 ? fields.shift() : undefined;
  if (status === undefined || fields.length > 0) throw derError(WHAT, 'a field is missing or unknown');
  const extensions = readExtensions(explicit);
  refuseCritical(extensions);
  return {
    status: readStatus(status, extensions.get(ENTRY_EXTENSION.invalidityDate)),
    thisUpdate: readTime(expectTag(thisUpdate, TAG.generalizedTime, WHAT), WHAT),
    ...(next === undefined
      ? {}
      : { nextUpdate: readTime(expectTag(onlyChild(next), TAG.generalizedTime, WHAT), WHAT) }),
  };
}

function readStatus(value: DerValue, invalidity: CertificateExtension | undefined): OcspStatus {
  switch (value.tag) {
    case 0x80:
    case 0x82:
      if (value.content.length > 0) throw derError(WHAT, 'a status with content');
      return { status: value.tag === 0x80 ? 'good' : 'unknown' };
    case 0xa1: {
      const [date, explicit, ...rest] = readChildren(value, WHAT);
      if (rest.length > 0) throw derError(WHAT, 'a status with extra fields');
      const reason = explicit === undefined ? undefined : readReason(onlyChild(expectTag(explicit, 0xa0, WHAT)));
      // That reason takes a revocation back, and stands in delta CRLs only (RFC 5280 §5.3.1).
      if (reason === REMOVE_FROM_CRL) throw unusable(WHAT, 'it says revoked by removeFromCRL', 'H3');
      return {
        status: 'revoked',
        revocationDate: readTime(expectTag(date, TAG.generalizedTime, WHAT), WHAT),
        ...(reason === undefined ? {} : { reason }),
        ...(invalidity === undefined ? {} : { invalidityDate: readInvalidityDate(invalidity.value) }),
      };
    }
    default:
      throw derError(WHAT, 'a status that is none of good, revoked and unknown');
  }
}

function readCertificates(explicit: DerValue): readonly X509Certificate[] {
  const list = readChildren(expectTag(onlyChild(explicit), TAG.sequence, WHAT), WHAT);
  if (list.length > MAX_CERTIFICATES) throw derError(WHAT, `more than ${MAX_CERTIFICATES} certificates come with it`);
  return list.map(({ bytes }) => {
    try {
      return new X509Certificate(Buffer.from(bytes));
    } catch {
      throw derError(WHAT, 'a certificate that comes with it cannot be decoded');
    }
  });
}

/** No extension of an answer is critical and understood (RFC 6960 §4.4). */
function refuseCritical(extensions: ReadonlyMap<string, CertificateExtension>): void {
  for (const { oid, critical } of extensions.values()) {
    if (critical && oid !== ENTRY_EXTENSION.invalidityDate) {
      throw unusable(WHAT, `its critical extension ${oid} is not understood`, 'H3');
    }
  }
}

function onlyChild(value: DerValue): DerValue {
  const [child, ...rest] = readChildren(value, WHAT);
  if (child === undefined || rest.length > 0) throw derError(WHAT, 'expected one value');
  return child;
}
