import { createHash, type X509Certificate } from 'node:crypto';
import { parseCertificate } from '../notary/index.ts';

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
  return createHash('sha384').update(parseCertificate(certificate).tbsDer).digest('hex');
}
