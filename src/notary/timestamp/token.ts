import type { X509Certificate } from 'node:crypto';
import {
  type DerValue,
  expectTag,
  readChildren,
  readDer,
  readOid,
  readSmallInteger,
  TAG,
} from '../certificates/der.ts';
import { type AlgorithmIdentifier, readAlgorithm } from '../certificates/parsed-certificate.ts';
import { parseCertificateDer } from '../certificates/pem.ts';
import { requireStrictDer } from '../certificates/strict-der.ts';
import { quote } from '../quote.ts';
import { invalidTimestamp, reading } from './error.ts';
import { fieldsOf } from './fields.ts';
import { hashOf } from './hash.ts';
import { parseSignedAttributes, type SignedAttributes } from './signed-attributes.ts';
import type { TimestampHash } from './timestamp.ts';
import { parseTstInfo, type TstInfo } from './tst-info.ts';

/** Real tokens have about 6 KiB. */
export const MAX_TOKEN_BYTES = 256 * 1024;
const MAX_TOKEN_CERTIFICATES = 20;

const WHAT = 'the timestamp token';
const CONTENT = 0xa0;
const CERTIFICATES = 0xa0;
const CRLS = 0xa1;
const SIGNED_ATTRIBUTES = 0xa0;
const UNSIGNED_ATTRIBUTES = 0xa1;

/** id-ct-TSTInfo. */
export const TST_INFO_TYPE = '1.2.840.113549.1.9.16.1.4';

interface ContentType {
  readonly oid: string;
  readonly name: string;
  readonly tag: number;
}
const SIGNED_DATA: ContentType = { oid: '1.2.840.113549.1.7.2', name: 'CMS SignedData', tag: TAG.sequence };
const TST_INFO: ContentType = { oid: TST_INFO_TYPE, name: 'a TSTInfo', tag: TAG.octetString };

/** An RFC 3161 token, parsed and well formed; not verified: see `verifyTimestampToken`. */
export interface TimestampToken {
  readonly info: TstInfo;
  /** TSTInfo, DER as received: what the messageDigest attribute is the hash of. */
  readonly content: Uint8Array;
  /** In the order of the token, which says nothing. */
  readonly certificates: readonly X509Certificate[];
  readonly signer: TokenSigner;
}

/** The one SignerInfo (RFC 5652 §5.3). */
export interface TokenSigner {
  /** Name of the signer's issuer, DER, and serial number, the octets of the INTEGER. */
  readonly issuerDer: Uint8Array;
  readonly serialNumber: Uint8Array;
  readonly digest: TimestampHash;
  readonly attributes: SignedAttributes;
  /** The signed attributes as a SET, DER: what the signature covers (RFC 5652 §5.4). */
  readonly signedBytes: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
}

/**
 * Reads an RFC 3161 TimeStampToken (notary.md I): SignedData version 3 over a TSTInfo, with one signer. Strict DER all
 * through (RFC 3161 §3.4), and no field passed over: what is hashed and signed is cut from the received bytes.
 * @throws NotaryError InvalidTimestamp
 */
export function parseTimestampToken(der: Uint8Array): TimestampToken {
  if (der.length > MAX_TOKEN_BYTES) {
    throw invalidTimestamp(`the timestamp token has ${der.length} bytes: expected at most ${MAX_TOKEN_BYTES}`);
  }
  return reading(WHAT, () => {
    const { content, certificates, signerInfo } = readSignedData(
      contentOfType(SIGNED_DATA, requireStrictDer(der, WHAT)),
    );
    return {
      info: parseTstInfo(content),
      content,
      certificates: certificatesOf(certificates),
      signer: readSigner(signerInfo),
    };
  });
}

/** What stands in a ContentInfo, or EncapsulatedContentInfo, of the type asked for. */
function contentOfType(type: ContentType, contentInfo: DerValue): DerValue {
  const fields = fieldsOf(contentInfo, WHAT);
  const found = readOid(fields.next(TAG.oid), WHAT);
  if (found !== type.oid)
    throw invalidTimestamp(`${WHAT}: expected ${type.name}, found content of type ${quote(found)}`);
  const explicit = fieldsOf(fields.next(CONTENT, type.name), type.name);
  fields.end();
  const content = explicit.next(type.tag);
  explicit.end();
  return content;
}

/** SignedData (RFC 5652 §5.1), as RFC 3161 §2.4.2 wants it. */
function readSignedData(signedData: DerValue) {
  const fields = fieldsOf(signedData, WHAT);
  const version = readSmallInteger(fields.next(TAG.integer), WHAT);
  if (version !== 3) throw invalidTimestamp(`${WHAT}: expected SignedData of version 3, found ${version}`);
  // Which digests there are may be said here too; the SignerInfo counts.
  fields.next(TAG.set);
  const content = contentOfType(TST_INFO, fields.next(TAG.sequence)).content;
  const certificates = fields.maybe(CERTIFICATES);
  fields.maybe(CRLS);
  const signers = readChildren(fields.next(TAG.set), WHAT);
  fields.end();
  const [signerInfo] = signers;
  if (signerInfo === undefined || signers.length > 1) {
    throw invalidTimestamp(`${WHAT}: expected exactly one signer, found ${signers.length}`);
  }
  return { content, certificates, signerInfo: expectTag(signerInfo, TAG.sequence, 'the SignerInfo') };
}

function certificatesOf(set: DerValue | undefined): readonly X509Certificate[] {
  const what = 'the certificates of the timestamp token';
  const values = set === undefined ? [] : readChildren(set, what);
  if (values.length > MAX_TOKEN_CERTIFICATES) {
    throw invalidTimestamp(`${what}: expected at most ${MAX_TOKEN_CERTIFICATES}, found ${values.length}`);
  }
  return values.map((value, i) => {
    if (value.tag !== TAG.sequence) throw invalidTimestamp(`${what}: number ${i + 1} is no X.509 certificate`);
    return parseCertificateDer(value.bytes, `certificate ${i + 1} of the timestamp token`);
  });
}

function readSigner(signerInfo: DerValue): TokenSigner {
  const what = 'the SignerInfo';
  const fields = fieldsOf(signerInfo, what);
  const version = readSmallInteger(fields.next(TAG.integer), what);
  const sid = fields.maybe(TAG.sequence);
  if (version !== 1 || sid === undefined) {
    throw invalidTimestamp(`${what}: expected version 1, which names the signer by issuer and serial number`);
  }
  const names = fieldsOf(sid, what);
  const issuer = names.next(TAG.sequence);
  const serialNumber = names.next(TAG.integer);
  names.end();
  const digest = readAlgorithm(fields.next(TAG.sequence), what);
  const attributes = fields.maybe(SIGNED_ATTRIBUTES);
  if (attributes === undefined) throw invalidTimestamp(`${what}: expected signed attributes, found none`);
  const signatureAlgorithm = readAlgorithm(fields.next(TAG.sequence), what);
  const signature = fields.next(TAG.octetString);
  fields.maybe(UNSIGNED_ATTRIBUTES);
  fields.end();
  // RFC 5652 §5.4: what is signed is the SET OF, not the [0] in whose place it stands.
  const signedBytes = Buffer.from(attributes.bytes);
  signedBytes[0] = TAG.set;
  return {
    issuerDer: issuer.bytes,
    serialNumber: serialNumber.content,
    digest: hashOf(digest, 'the digest algorithm of the timestamp'),
    attributes: parseSignedAttributes(readDer(signedBytes, TAG.set, 'the signed attributes')),
    signedBytes,
    signatureAlgorithm,
    signature: signature.content,
  };
}
