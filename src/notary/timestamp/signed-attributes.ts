import { type DerValue, derError, expectTag, readChildren, readOid, TAG } from '../certificates/der.ts';
import { type AlgorithmIdentifier, readAlgorithm } from '../certificates/parsed-certificate.ts';
import { invalidTimestamp } from './error.ts';
import { readTime } from './time.ts';

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
    const [type, values, ...rest] = readChildren(expectTag(attribute, TAG.sequence, what), what);
    const oid = readOid(type, what);
    if (rest.length > 0) throw derError(what, `${oid} has extra fields`);
    if (attributes.has(oid)) throw invalidTimestamp(`the signed attribute ${oid} stands twice`);
    attributes.set(oid, readChildren(expectTag(values, TAG.set, what), what));
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
  const [list] = readChildren(expectTag(value, TAG.sequence, what), what);
  const [first] = readChildren(expectTag(list, TAG.sequence, what), what);
  if (first === undefined) throw invalidTimestamp(`${what} names no certificate`);
  const fields = [...readChildren(expectTag(first, TAG.sequence, what), what)];
  const algorithm = fields[0]?.tag === TAG.sequence ? fields.shift() : undefined;
  const hash = expectTag(fields.shift(), TAG.octetString, what).content;
  const issuerSerial = fields.shift();
  if (fields.length > 0) throw derError(what, 'it has extra fields');
  return {
    hashAlgorithm: algorithm === undefined ? { oid: SHA256 } : readAlgorithm(algorithm, what),
    hash,
    ...(issuerSerial === undefined ? {} : { issuerSerial: readIssuerSerial(issuerSerial, what) }),
  };
}

/** IssuerSerial: GeneralNames with the one directoryName of the issuer, and the serial number. */
function readIssuerSerial(value: DerValue, what: string): IssuerSerial {
  const [names, serialNumber] = readChildren(expectTag(value, TAG.sequence, what), what);
  const [name, ...more] = readChildren(expectTag(names, TAG.sequence, what), what);
  if (more.length > 0) throw derError(what, 'it names more than one issuer');
  return {
    issuerDer: expectTag(name, DIRECTORY_NAME, what).content,
    serialNumber: expectTag(serialNumber, TAG.integer, what).content,
  };
}
