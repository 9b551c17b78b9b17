import { createHash, type X509Certificate } from 'node:crypto';
import { distinguishedNameOf } from '../certificates/distinguished-name.ts';
import { parseCertificate } from '../certificates/parsed-certificate.ts';

const MAX_NAME = 200;
const MAX_SERIAL = 16;

/** `CN=signer,O=Acme,ST=WA,C=US (serial 3f2a)`, for a sentence. */
export function describeCertificate(certificate: X509Certificate): string {
  const serial = Buffer.from(parseCertificate(certificate).serialNumber)
    .toString('hex')
    .replace(/^0+(?=.)/, '');
  return `${cut(distinguishedNameOf(certificate), MAX_NAME)} (serial ${cut(serial, MAX_SERIAL)})`;
}

/** `CN=signer,O=Acme,ST=WA,C=US (sha256:..)`, which names exactly one. */
export function identifyCertificate(certificate: X509Certificate): string {
  const hash = createHash('sha256').update(certificate.raw).digest('hex');
  return `${cut(distinguishedNameOf(certificate), MAX_NAME)} (sha256:${hash})`;
}

/** At most so many characters, with a sign of the cut. */
export function cut(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 3).toWellFormed()}...`;
}
