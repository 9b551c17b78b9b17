import type { X509Certificate } from 'node:crypto';
import { NotaryError } from '../error.ts';
import { type DerValue, derError, expectTag, readChildren, readDer, readOid, TAG } from './der.ts';
import { parseCertificate } from './parsed-certificate.ts';

/** Attribute types by OID, with the short names that notation prints and policies use. */
export const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.5', 'SERIALNUMBER'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.17', 'POSTALCODE'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['1.2.840.113549.1.9.1', 'E'],
]);

/** A name may have a megabyte, and whoever pushes a signature chooses it: sentences about it are kept. */
const MAX_SHOWN = 1_000;

export interface NameAttribute {
  /** Short name, or the OID in dotted form. */
  readonly type: string;
  readonly value: string;
}

/**
 * Decodes a Name (RFC 5280 §4.1.2.4) to its RDNs, in the order of the encoding.
 * @throws NotaryError InvalidCertificate
 */
export function decodeName(der: Uint8Array): readonly (readonly NameAttribute[])[] {
  const what = 'the name';
  return readChildren(readDer(der, TAG.sequence, what), what).map((rdn) =>
    readChildren(expectTag(rdn, TAG.set, what), what).map((attribute) => {
      const [oid, value] = readChildren(expectTag(attribute, TAG.sequence, what), what);
      const type = readOid(oid, what);
      return { type: SHORT_NAMES.get(type) ?? type, value: decodeString(value) };
    }),
  );
}

/**
 * Subject or issuer for people, as notation shows it: by RFC 4514, the last RDN of the encoding first
 * (`CN=signer,O=Acme,ST=WA,C=US`), control characters escaped, cut at 1,000 characters. Never fails: it describes
 * certificates that do.
 */
export function distinguishedNameOf(certificate: X509Certificate, which: 'subject' | 'issuer' = 'subject'): string {
  try {
    const { subjectDer, issuerDer } = parseCertificate(certificate);
    const rdns = decodeName(which === 'subject' ? subjectDer : issuerDer).toReversed();
    if (rdns.length === 0) return '(empty name)';
    const text = rdns.map((rdn) => rdn.map(formatAttribute).join('+')).join(',');
    return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 3).toWellFormed()}...`;
  } catch (error) {
    if (error instanceof NotaryError) return '(unreadable name)';
    throw error;
  }
}

function formatAttribute({ type, value }: NameAttribute): string {
  const escaped = value
    .replace(/[",+;<>\\]/g, '\\$&')
    .replace(/^[ #]/, '\\$&')
    .replace(/(?<!^) $/, '\\ ')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, hexEscape);
  return `${type}=${escaped}`;
}

function hexEscape(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
}

function decodeString(value: DerValue | undefined): string {
  switch (value?.tag) {
    case TAG.utf8String:
    case TAG.printableString:
    case TAG.ia5String:
      return decode(value.content, 'utf-8');
    case TAG.teletexString:
      return decode(value.content, 'latin1');
    case TAG.bmpString:
      return decode(value.content, 'utf-16be');
    default:
      throw derError('the name', 'a value is no string');
  }
}

function decode(content: Uint8Array, encoding: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw derError('the name', `a value is not ${encoding}`);
  }
}
