import { createHash } from 'node:crypto';
import { CertID, OCSPRequest, Request, TBSRequest } from '@peculiar/asn1-ocsp';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import { expectTag, readChildren, readDer, TAG } from '../certificates/der.ts';
import type { ParsedCertificate } from '../certificates/parsed-certificate.ts';
import type { FetchRequest } from '../fetch.ts';

export const SHA1_OID = '1.3.14.3.2.26';
/** A longer address is not asked for: the request goes by POST (notary.md H2; RFC 5019 §5). */
const MAX_GET_LENGTH = 255;

/** What an OCSP answer must name to be about a certificate (RFC 6960 §4.1.1). */
export interface CertificateId {
  readonly issuerNameHash: Buffer;
  readonly issuerKeyHash: Buffer;
  /** Content octets of the INTEGER. */
  readonly serialNumber: Buffer;
}

/**
 * The CertID of a certificate. The hash is SHA-1: it only finds the certificate, nothing is trusted for it, and the
 * responders of several large authorities, as notation found, know no other.
 */
export function certificateIdOf(certificate: ParsedCertificate, issuer: ParsedCertificate): CertificateId {
  return {
    issuerNameHash: createHash('sha1').update(issuer.subjectDer).digest(),
    issuerKeyHash: keyHashOf(issuer),
    serialNumber: Buffer.from(certificate.serialNumber),
  };
}

/** SHA-1 of the key's bits, without tag, length and unused bits (RFC 6960 §4.1.1, §4.2.1). */
export function keyHashOf({ publicKeyInfo }: Pick<ParsedCertificate, 'publicKeyInfo'>): Buffer {
  const what = 'the public key';
  const [, bits] = readChildren(readDer(publicKeyInfo, TAG.sequence, what), what);
  return createHash('sha1')
    .update(expectTag(bits, TAG.bitString, what).content.subarray(1))
    .digest();
}

/** The request for one certificate, DER: without nonce, so that responders may answer from a cache (notary.md H2). */
export function encodeOcspRequest(id: CertificateId): Buffer {
  const reqCert = new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: SHA1_OID, parameters: null }),
    issuerNameHash: new OctetString(id.issuerNameHash),
    issuerKeyHash: new OctetString(id.issuerKeyHash),
    serialNumber: toArrayBuffer(id.serialNumber),
  });
  const tbsRequest = new TBSRequest({ requestList: [new Request({ reqCert })] });
  return Buffer.from(AsnConvert.serialize(new OCSPRequest({ tbsRequest })));
}

/** GET where the whole address stays below 255 characters and has no query of its own, else POST (notary.md H2). */
export function ocspHttpRequest(
  server: string,
  der: Buffer,
): Pick<FetchRequest, 'url' | 'method' | 'headers' | 'body'> {
  const accept = { accept: 'application/ocsp-response' };
  const address = `${server.replace(/\/$/, '')}/${encodeURIComponent(der.toString('base64'))}`;
  if (address.length < MAX_GET_LENGTH && !/[?#]/.test(server)) return { url: address, method: 'GET', headers: accept };
  return {
    url: server,
    method: 'POST',
    headers: { ...accept, 'content-type': 'application/ocsp-request' },
    body: der,
  };
}

function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
