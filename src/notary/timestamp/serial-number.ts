import type { X509Certificate } from 'node:crypto';
import { expectTag, readChildren, readDer, TAG } from '../certificates/der.ts';
import { parseCertificate } from '../certificates/parsed-certificate.ts';

const VERSION = 0xa0;

/** The octets of a certificate's serial number, DER: OpenSSL's text of it drops the sign octet. */
export function serialNumberOf(certificate: X509Certificate): Uint8Array {
  const what = 'the certificate body';
  const fields = readChildren(readDer(parseCertificate(certificate).tbsDer, TAG.sequence, what), what);
  const field = fields[0]?.tag === VERSION ? fields[1] : fields[0];
  return expectTag(field, TAG.integer, 'the serial number').content;
}
