import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { NotaryError } from '../error.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/g;
const MAX_PEM_BYTES = 1024 * 1024;

/**
 * Reads all certificates of a PEM text, in order. Anything else in it (a key, a request) is refused.
 * @throws NotaryError InvalidCertificate
 */
export function parseCertificatesPem(pem: string): X509Certificate[] {
  if (pem.length > MAX_PEM_BYTES) throw invalidCertificate(`expected at most ${MAX_PEM_BYTES} bytes of PEM`);
  const other = [...pem.matchAll(BEGIN)].map((match) => match[1]).find((label) => label !== 'CERTIFICATE');
  if (other !== undefined) throw invalidCertificate(`expected CERTIFICATE blocks only; found ${other}`);
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0)
    throw invalidCertificate('expected at least one block -----BEGIN CERTIFICATE-----; found none');
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw invalidCertificate(`block ${i + 1} of ${blocks.length} is not a certificate`, error);
    }
  });
}

/**
 * Reads a private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
 * @throws NotaryError InvalidKey
 */
export function parsePrivateKeyPem(pem: string): KeyObject {
  if (/ENCRYPTED/.test(pem)) {
    throw new NotaryError(
      'InvalidKey',
      'the private key is encrypted; store it decrypted (openssl pkey -in key.pem -out plain.pem)',
    );
  }
  if (!/-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/.test(pem)) {
    throw new NotaryError('InvalidKey', 'expected a private key in PEM (PKCS#8, PKCS#1 or SEC1)');
  }
  try {
    return createPrivateKey(pem);
  } catch {
    // The reason of OpenSSL may quote key material; it is left out on purpose.
    throw new NotaryError('InvalidKey', 'the private key cannot be read: expected PKCS#8, PKCS#1 or SEC1 in PEM');
  }
}

function invalidCertificate(message: string, cause?: unknown): NotaryError {
  return new NotaryError('InvalidCertificate', `PEM: ${message}`, { cause });
}
