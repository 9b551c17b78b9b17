import { type DerValue, expectTag, readChildren, readOid, readTime, TAG } from '../certificates/der.ts';
import { type AlgorithmIdentifier, readAlgorithm } from '../certificates/parsed-certificate.ts';
import { invalidTimestamp } from './error.ts';
import { fieldsOf } from './fields.ts';

const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const SIGNING_TIME = '1.2.840.113549.1.9.5';
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47';
const SHA256 = '2.16.840.1.101.3.4.2.1';
const DIRECTORY_NAME = 0xa4;

/** The signed attributes that count (RFC 5652 §11, RFC 5035 §3); others are signed too and say nothing here. */
export interface SignedAttributes {
  readonly contentType: string;
  readonly messageDigest: Uint8Array;
  readonly signingCertificate: SigningCertificateId;
  /** As the authority claims; absent in most tokens, since genTime says it. */
  readonly signingTime?: Date;
}

/** ESSCertIDv2: which certificate the signer says it signed with. */
export interface SigningCertificateId {
  readonly hashAlgorithm: AlgorithmIdentifier;
  readonly hash: Uint8Array;
  readonly issuerSerial?: IssuerSerial;
}

interface IssuerSerial {
  /** Name, DER. */
  readonly issuerDer: Uint8Array;
  /** The octets of the INTEGER. */
  readonly serialNumber: Uint8Array;
}

/**
 * Reads signed attributes: in DER order, no type twice, each that counts with one value.
 * @throws NotaryError InvalidTimestamp or InvalidCertificate
 */
export function parseSignedAttributes(set: DerValue): SignedAttributes {
  const what = 'the signed attributes';
  const attributes = new Map<string, readonly DerValue[]>();
  let before: Uint8Array | undefined;
  for (const attribute of readChildren(set, what)) {
    if (before !== undefined && Buffer.compare(before, attribute.bytes) > 0) {
      // Another reader would sort them, and then hash other bytes.
      throw invalidTimestamp(`${what} are not in the order of DER`);
    }
    before = attribute.bytes;
    const fields = fieldsOf(expectTag(attribute, TAG.sequence, what), what);
    const oid = readOid(fields.next(TAG.oid), what);
    const values = fields.next(TAG.set);
    fields.end();
    if (attributes.has(oid)) throw invalidTimestamp(`the signed attribute ${oid} stands twice`);
    attributes.set(oid, readChildren(values, what));
  }
  const one = (oid: string, name: string): DerValue => {
    const values = attributes.get(oid);
    const [value, ...more] = values ?? [];
    if (value === undefined) throw invalidTimestamp(`the signed attribute ${name} is missing`);
    if (more.length > 0) throw invalidTimestamp(`the signed attribute ${name} has ${more.length + 1} values`);
    return value;
  };
  return {
    contentType: readOid(one(CONTENT_TYPE, 'contentType'), 'contentType'),
    messageDigest: expectTag(one(MESSAGE_DIGEST, 'messageDigest'), TAG.octetString, 'messageDigest').content,
    signingCertificate: readSigningCertificate(one(SIGNING_CERTIFICATE_V2, 'signingCertificateV2')),
    ...(attributes.has(SIGNING_TIME) ? { signingTime: readTime(one(SIGNING_TIME, 'signingTime'), 'signingTime') } : {}),
  };
}

/** The first ESSCertIDv2: it names the signer (RFC 5035 §3). */
function readSigningCertificate(value: DerValue): SigningCertificateId {
  const what = 'signingCertificateV2';
  const outer = fieldsOf(expectTag(value, TAG.sequence, what), what);
  const [first] = readChildren(outer.next(TAG.sequence), what);
  // Policies, which bind nobody here.
  outer.maybe(TAG.sequence);
  outer.end();
  if (first === undefined) throw invalidTimestamp(`${what} names no certificate`);
  const fields = fieldsOf(expectTag(first, TAG.sequence, what), what);
  const algorithm = fields.maybe(TAG.sequence);
  const hash = fields.next(TAG.octetString).content;
  const issuerSerial = fields.maybe(TAG.sequence);
  fields.end();
  return {
    hashAlgorithm: algorithm === undefined ? { oid: SHA256 } : readAlgorithm(algorithm, what),
    hash,
    ...(issuerSerial === undefined ? {} : { issuerSerial: readIssuerSerial(issuerSerial, what) }),
  };
}

/** IssuerSerial: GeneralNames with the one directoryName of the issuer, and the serial number. */
function readIssuerSerial(value: DerValue, what: string): IssuerSerial {
  const fields = fieldsOf(value, what);
  const names = fieldsOf(fields.next(TAG.sequence), what);
  const issuerDer = names.next(DIRECTORY_NAME).content;
  names.end();
  const serialNumber = fields.next(TAG.integer).content;
  fields.end();
  return { issuerDer, serialNumber };
}
