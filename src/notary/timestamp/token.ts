import type { X509Certificate } from 'node:crypto';
import { CMSVersion, ContentInfo, id_signedData, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import { id_ct_tstInfo } from '@peculiar/asn1-tsp';
import { type DerValue, expectTag, readChildren, readDer, TAG } from '../certificates/der.ts';
import { type AlgorithmIdentifier, readAlgorithm } from '../certificates/parsed-certificate.ts';
import { parseCertificateDer } from '../certificates/pem.ts';
import { requireStrictDer } from '../certificates/strict-der.ts';
import { quote } from '../quote.ts';
import { invalidTimestamp, reading } from './error.ts';
import { hashOf } from './hash.ts';
import { parseSignedAttributes, type SignedAttributes } from './signed-attributes.ts';
import type { TimestampHash } from './timestamp.ts';
import { parseTstInfo, type TstInfo } from './tst-info.ts';

/** Real tokens have about 6 KiB. */
export const MAX_TOKEN_BYTES = 256 * 1024;
const MAX_TOKEN_CERTIFICATES = 20;

const CERTIFICATES = 0xa0;
const SIGNED_ATTRIBUTES = 0xa0;
const CONTENT = 0xa0;

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
 * through (RFC 3161 §3.4): the library gives the structure, and what is hashed and signed is cut from the received
 * bytes.
 * @throws NotaryError InvalidTimestamp
 */
export function parseTimestampToken(der: Uint8Array): TimestampToken {
  if (der.length > MAX_TOKEN_BYTES) {
    throw invalidTimestamp(`the timestamp token has ${der.length} bytes: expected at most ${MAX_TOKEN_BYTES}`);
  }
  const what = 'the timestamp token';
  return reading(what, () => {
    const signedData = readSignedData(requireStrictDer(der, what), what);
    const { certificates, encapsulated, signerInfo } = fieldsOf(signedData, what);
    const content = contentOf(encapsulated);
    return {
      info: parseTstInfo(content),
      content,
      certificates: certificatesOf(certificates),
      signer: readSigner(signerInfo),
    };
  });
}

/** The SignedData inside the ContentInfo, of the version and the content that RFC 3161 §2.4.2 asks for. */
function readSignedData(contentInfo: DerValue, what: string): DerValue {
  const { contentType } = AsnConvert.parse(contentInfo.bytes, ContentInfo);
  if (contentType !== id_signedData) {
    throw invalidTimestamp(`${what}: expected CMS SignedData, found content of type ${quote(contentType)}`);
  }
  const explicit = readChildren(contentInfo, what)[1];
  const signedData = readDer(explicit?.content ?? new Uint8Array(), TAG.sequence, 'the SignedData');
  const { version, encapContentInfo, signerInfos } = AsnConvert.parse(signedData.bytes, SignedData);
  if (version !== CMSVersion.v3) {
    throw invalidTimestamp(`${what}: expected SignedData of version 3, found ${version}`);
  }
  if (encapContentInfo.eContentType !== id_ct_tstInfo) {
    throw invalidTimestamp(
      `${what}: expected a TSTInfo, found content of type ${quote(encapContentInfo.eContentType)}`,
    );
  }
  if (signerInfos.length !== 1) {
    throw invalidTimestamp(`${what}: expected exactly one signer, found ${signerInfos.length}`);
  }
  return signedData;
}

/** Where the parts stand in the SignedData (RFC 5652 §5.1), whose order the library has checked. */
function fieldsOf(signedData: DerValue, what: string) {
  const fields = readChildren(signedData, what);
  const signerInfos = readChildren(expectTag(fields.at(-1), TAG.set, what), what);
  return {
    encapsulated: expectTag(fields[2], TAG.sequence, what),
    certificates: fields[3]?.tag === CERTIFICATES ? fields[3] : undefined,
    signerInfo: expectTag(signerInfos[0], TAG.sequence, 'the SignerInfo'),
  };
}

function contentOf(encapsulated: DerValue): Uint8Array {
  const what = 'the TSTInfo';
  const explicit = expectTag(readChildren(encapsulated, what)[1], CONTENT, what);
  return readDer(explicit.content, TAG.octetString, what).content;
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
  const [version, sid, digestAlgorithm, attributes, signatureAlgorithm, signature] = readChildren(signerInfo, what);
  const number = expectTag(version, TAG.integer, what).content;
  if (number.length !== 1 || number[0] !== CMSVersion.v1 || sid?.tag !== TAG.sequence) {
    throw invalidTimestamp(`${what}: expected version 1, which names the signer by issuer and serial number`);
  }
  const [issuer, serialNumber] = readChildren(sid, what);
  if (attributes?.tag !== SIGNED_ATTRIBUTES) throw invalidTimestamp(`${what}: expected signed attributes, found none`);
  // RFC 5652 §5.4: what is signed is the SET OF, not the [0] in whose place it stands.
  const signedBytes = Buffer.from(attributes.bytes);
  signedBytes[0] = TAG.set;
  return {
    issuerDer: expectTag(issuer, TAG.sequence, what).bytes,
    serialNumber: expectTag(serialNumber, TAG.integer, what).content,
    digest: hashOf(readAlgorithm(digestAlgorithm, what), 'the digest algorithm of the timestamp'),
    attributes: parseSignedAttributes(readDer(signedBytes, TAG.set, 'the signed attributes')),
    signedBytes,
    signatureAlgorithm: readAlgorithm(signatureAlgorithm, what),
    signature: expectTag(signature, TAG.octetString, what).content,
  };
}
