import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { signatureAlgorithmOf } from '../algorithm.ts';
import { decodeBase64 } from '../encoding.ts';
import { NotaryError, type NotaryErrorCode } from '../error.ts';

interface PemBlock {
  readonly label: string;
  /** Headers and base64, as written between the lines of BEGIN and END. */
  readonly body: string;
  readonly text: string;
}

const BEGIN = '-----BEGIN ';
const LABEL = /^[A-Z0-9 ]{1,40}$/;
const MAX_PEM_BYTES = 1024 * 1024;
/**
 * Of one certificate; real ones have a few KiB. An envelope has room for one of 24 MiB, whose millions of values would
 * take gigabytes of memory before its chain is found untrusted.
 */
export const MAX_CERTIFICATE_BYTES = 64 * 1024;
const PRIVATE_KEYS: ReadonlySet<string> = new Set(['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY']);

/**
 * Reads all certificates of a PEM text, in order. Text between the blocks is ignored, as openssl writes some; a block
 * that is something else (a key, a request) is refused, and so is one that is cut off.
 * @throws NotaryError InvalidCertificate
 */
export function parseCertificatesPem(pem: string): X509Certificate[] {
  const blocks = pemBlocks(pem, 'InvalidCertificate');
  if (blocks.length === 0) {
    throw invalidCertificate(
      `PEM: expected at least one block -----BEGIN CERTIFICATE-----; found none${isEncodedTwice(pem) ? ', but base64 of such blocks: decode it once' : ''}`,
    );
  }
  return blocks.map(({ label, body }, i) => {
    if (label !== 'CERTIFICATE') throw invalidCertificate(`PEM: expected CERTIFICATE blocks only; found ${label}`);
    const der = decodeBase64(body.replace(/\s+/g, ''));
    const what = `PEM block ${i + 1} of ${blocks.length}`;
    if (der === undefined) throw invalidCertificate(`${what} is not valid base64`);
    return parseCertificateDer(der, what);
  });
}

/** A common slip: a value of a Secret, base64, is pasted where text is expected. */
function isEncodedTwice(text: string): boolean {
  return decodeBase64(text.replace(/\s+/g, ''))?.includes(BEGIN) === true;
}

/** Reads one certificate from DER; `what` names it in messages. @throws NotaryError InvalidCertificate */
export type ReadCertificate = (der: Uint8Array, what: string) => X509Certificate;

/**
 * Reads one certificate from DER, and nothing else: OpenSSL also reads PEM, and stops at the end of the first
 * certificate.
 * @param what names it in messages: "x5c[0]"
 * @throws NotaryError InvalidCertificate
 */
export function parseCertificateDer(der: Uint8Array, what: string): X509Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES) {
    throw invalidCertificate(`${what} has ${der.length} bytes: expected at most ${MAX_CERTIFICATE_BYTES}`);
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (cause) {
    throw invalidCertificate(`${what} is not a DER certificate`, cause);
  }
  if (!certificate.raw.equals(der)) throw invalidCertificate(`${what} is not one DER certificate and nothing else`);
  return certificate;
}

/**
 * Reads a private key from PEM: PKCS#8, PKCS#1 or SEC1, not encrypted, of one of the six key types (notary.md B5).
 * @throws NotaryError InvalidKey, with what to do
 */
export function parsePrivateKeyPem(pem: string): KeyObject {
  const blocks = pemBlocks(pem, 'InvalidKey');
  const block = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (block === undefined) {
    const found = blocks.map(({ label }) => label).join(', ') || 'no PEM block';
    throw new NotaryError('InvalidKey', `expected a private key in PEM (PKCS#8, PKCS#1 or SEC1); found ${found}`);
  }
  if (block.label === 'ENCRYPTED PRIVATE KEY' || block.body.includes('ENCRYPTED')) {
    throw new NotaryError(
      'InvalidKey',
      'the private key is encrypted; store it decrypted (openssl pkey -in key.pem -out plain.pem)',
    );
  }
  if (!PRIVATE_KEYS.has(block.label)) {
    throw new NotaryError(
      'InvalidKey',
      `expected a private key as PKCS#8, PKCS#1 or SEC1; found ${block.label}: convert it (ssh-keygen -p -m PKCS8 for an OpenSSH key)`,
    );
  }
  const key = createKey(block);
  signatureAlgorithmOf(key);
  return key;
}

function createKey({ text, label }: PemBlock): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    // The reason of OpenSSL may quote key material; it is left out on purpose.
    throw new NotaryError('InvalidKey', `the private key (${label}) cannot be read: is it complete?`);
  }
}

function pemBlocks(pem: string, code: NotaryErrorCode): readonly PemBlock[] {
  if (pem.length > MAX_PEM_BYTES) throw new NotaryError(code, `PEM: expected at most ${MAX_PEM_BYTES} characters`);
  const blocks: PemBlock[] = [];
  for (let at = pem.indexOf(BEGIN); at !== -1; ) {
    const labelEnd = pem.indexOf('-----', at + BEGIN.length);
    const label = pem.slice(at + BEGIN.length, Math.max(labelEnd, 0));
    const endLine = `-----END ${label}-----`;
    const end = LABEL.test(label) ? pem.indexOf(endLine, labelEnd) : -1;
    const next = pem.indexOf(BEGIN, at + BEGIN.length);
    if (end === -1 || (next !== -1 && next < end)) {
      throw new NotaryError(code, `PEM: block ${blocks.length + 1} has no END line of its own: is it complete?`);
    }
    blocks.push({ label, body: pem.slice(labelEnd + 5, end), text: `${pem.slice(at, end + endLine.length)}\n` });
    at = next;
  }
  return blocks;
}

function invalidCertificate(message: string, cause?: unknown): NotaryError {
  return new NotaryError('InvalidCertificate', message, cause === undefined ? {} : { cause });
}
