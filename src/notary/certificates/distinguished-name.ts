import type { X509Certificate } from 'node:crypto';
import type { Name } from '@peculiar/asn1-x509';
import { NotaryError } from '../error.ts';
import { parseCertificate } from './parsed-certificate.ts';

/** A distinguished name as attribute types (upper case, S read as ST) to values (notary.md F6). */
export type DistinguishedName = ReadonlyMap<string, string>;

const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'SERIALNUMBER',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.17': 'POSTALCODE',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
  '1.2.840.113549.1.9.1': 'E',
};
const MANDATORY = ['C', 'ST', 'O'] as const;
const TYPE = /^[A-Za-z][A-Za-z0-9-]*$|^\d+(?:\.\d+)+$/;
const HEX_PAIR = /^[0-9A-Fa-f]{2}$/;
const SPECIAL = ',+"\\<>;=# ';

/**
 * Reads a DN of a trusted identity (RFC 4514; notary.md F6): C, ST and O are mandatory; no multi-valued RDN, no
 * attribute twice, no `#` values.
 * @throws NotaryError InvalidTrustPolicy
 */
export function parseDistinguishedName(text: string): DistinguishedName {
  const name = new Map<string, string>();
  for (const rdn of splitUnescaped(text, ',')) {
    if (splitUnescaped(rdn, '+').length > 1) throw invalid(text, `multi-valued RDN ${quote(rdn)} is not supported`);
    const equals = rdn.indexOf('=');
    const type = canonicalType(rdn.slice(0, Math.max(equals, 0)).trim());
    if (equals === -1 || type === undefined) throw invalid(text, `expected TYPE=value, found ${quote(rdn)}`);
    const raw = rdn.slice(equals + 1);
    if (raw.trimStart().startsWith('#')) throw invalid(text, `values in the form ${type}=#… are not supported`);
    const value = unescapeValue(raw);
    if (value === undefined || value === '') throw invalid(text, `${type}: expected a value with RFC 4514 escapes`);
    if (name.has(type)) throw invalid(text, `${type} stands twice`);
    name.set(type, value);
  }
  const missing = MANDATORY.filter((type) => !name.has(type));
  if (missing.length > 0) throw invalid(text, `C, ST and O are mandatory; missing: ${missing.join(', ')}`);
  return name;
}

/** Whether every attribute of `part` is in `whole`, with exactly the same value. */
export function isSubset(part: DistinguishedName, whole: DistinguishedName): boolean {
  return [...part].every(([type, value]) => whole.get(type) === value);
}

/**
 * The subject of a certificate as a DN to match; undefined where it cannot be matched without doubt: an attribute
 * that stands twice, or an RDN of several values.
 */
export function subjectOf(certificate: X509Certificate): DistinguishedName | undefined {
  const name = new Map<string, string>();
  for (const rdn of parseCertificate(certificate).subject) {
    if (rdn.length !== 1) return undefined;
    for (const attribute of rdn) {
      const type = SHORT_NAMES[attribute.type] ?? attribute.type;
      if (name.has(type)) return undefined;
      name.set(type, attribute.value.toString());
    }
  }
  return name;
}

/** Subject or issuer for people, most specific attribute first: `CN=..,O=..,C=..` (RFC 4514). */
export function distinguishedNameOf(certificate: X509Certificate, which: 'subject' | 'issuer' = 'subject'): string {
  return formatName(parseCertificate(certificate)[which]);
}

function formatName(name: Name): string {
  const rdns = [...name].map((rdn) =>
    [...rdn].map(({ type, value }) => `${SHORT_NAMES[type] ?? type}=${escapeValue(value.toString())}`).join('+'),
  );
  return rdns.reverse().join(',');
}

function canonicalType(type: string): string | undefined {
  if (!TYPE.test(type)) return undefined;
  const upper = type.toUpperCase();
  return SHORT_NAMES[type] ?? (upper === 'S' ? 'ST' : upper);
}

function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === separator) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)];
}

function unescapeValue(raw: string): string | undefined {
  const bytes: Buffer[] = [];
  const characters = [...trimUnescaped(raw)];
  for (let i = 0; i < characters.length; i += 1) {
    const character = characters[i] ?? '';
    if (character !== '\\') {
      if ('"<>;'.includes(character)) return undefined;
      bytes.push(Buffer.from(character, 'utf8'));
      continue;
    }
    const next = characters[i + 1] ?? '';
    const pair = next + (characters[i + 2] ?? '');
    if (HEX_PAIR.test(pair)) {
      bytes.push(Buffer.from(pair, 'hex'));
      i += 2;
    } else if (next !== '' && SPECIAL.includes(next)) {
      bytes.push(Buffer.from(next, 'utf8'));
      i += 1;
    } else {
      return undefined;
    }
  }
  return Buffer.concat(bytes).toString('utf8');
}

/** Space around a value does not count, unless it is escaped. */
function trimUnescaped(raw: string): string {
  const text = raw.trimStart();
  const trimmed = text.trimEnd();
  return trimmed.endsWith('\\') && trimmed.length < text.length ? `${trimmed} ` : trimmed;
}

function escapeValue(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters of a foreign name must not reach a terminal.
  return value.replace(/[,+"\\<>;]/g, '\\$&').replace(/[\u0000-\u001f\u007f]/g, '?');
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

function invalid(text: string, problem: string): NotaryError {
  return new NotaryError('InvalidTrustPolicy', `distinguished name ${quote(text)}: ${problem}`, { rule: 'F6' });
}
