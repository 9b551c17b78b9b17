import { createHash, type X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate } from '@peculiar/asn1-x509';

/**
 * The certificate hashes that GetRevocationStatus asks for (aws.md): each is the hex SHA-384 of a certificate's
 * TBSCertificate followed by that of its issuer's; the last one, the root, stands with itself.
 * @param certificates leaf first, root included
 * @returns 192 lower-case hex digits for each certificate, in order
 */
export function certificateHashes(certificates: readonly X509Certificate[]): string[] {
  const hashes = certificates.map(hashToBeSigned);
  return hashes.map((hash, i) => `${hash}${hashes[i + 1] ?? hash}`);
}

function hashToBeSigned(certificate: X509Certificate): string {
  const { tbsCertificateRaw } = AsnConvert.parse(certificate.raw, Certificate);
  if (tbsCertificateRaw === undefined) throw new Error('the ASN.1 parser kept no raw TBSCertificate');
  return createHash('sha384').update(Buffer.from(tbsCertificateRaw)).digest('hex');
}
