import type { X509Certificate } from 'node:crypto';
import { decodeName, SHORT_NAMES } from '../certificates/distinguished-name.ts';
import { parseCertificate } from '../certificates/parsed-certificate.ts';
import { NotaryError } from '../error.ts';
import { quote } from '../quote.ts';

/** A distinguished name as attribute types (upper case, S read as ST) to values (notary.md F6). */
export type DistinguishedName = ReadonlyMap<string, string>;

const MANDATORY = ['C', 'ST', 'O'] as const;
const DOTTED_OID = /^\d+(?:\.\d+)+$/;
const HEX_PAIR = /^[0-9A-Fa-f]{2}$/;
/** What may follow a backslash (RFC 4514 §2.4). */
const ESCAPABLE = '"+,;<>\\ #=';
const MAX_LENGTH = 4096;

/**
 * Reads a DN of a trusted identity (RFC 4514; notary.md F6): C, ST and O are mandatory; no multi-valued RDN, no
 * attribute twice, no `#` values. White space around an RDN does not count.
 * @throws NotaryError InvalidTrustPolicy
 */
export function parseDistinguishedName(text: string): DistinguishedName {
  if (text.length > MAX_LENGTH) throw invalid(text, `expected at most ${MAX_LENGTH} characters`);
  const name = new Map<string, string>();
  for (const rdn of splitRdns(text)) {
    const equals = rdn.indexOf('=');
    if (equals === -1) throw invalid(text, `expected TYPE=value, found ${quote(rdn)}`);
    const type = canonicalType(rdn.slice(0, equals).trim(), text);
    if (name.has(type)) throw invalid(text, `${type} stands twice`);
    name.set(type, parseValue(rdn.slice(equals + 1), type, text));
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
 * The subject of a certificate as a DN to match; undefined where it cannot be matched without doubt: a value that
 * cannot be decoded, an attribute that stands twice, or an RDN of several values.
 */
export function subjectOf(certificate: X509Certificate): DistinguishedName | undefined {
  try {
    return uniqueAttributes(certificate);
  } catch (error) {
    if (error instanceof NotaryError) return undefined;
    throw error;
  }
}

function uniqueAttributes(certificate: X509Certificate): DistinguishedName | undefined {
  const name = new Map<string, string>();
  for (const [attribute, ...others] of decodeName(parseCertificate(certificate).subjectDer)) {
    if (attribute === undefined || others.length > 0 || name.has(attribute.type)) return undefined;
    name.set(attribute.type, attribute.value);
  }
  return name;
}

function splitRdns(text: string): readonly string[] {
  const rdns: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '+') throw invalid(text, 'an RDN of several values (+) is not supported');
    else if (character === ',') {
      rdns.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...rdns, text.slice(start)];
}

function canonicalType(type: string, text: string): string {
  if (DOTTED_OID.test(type)) return SHORT_NAMES.get(type) ?? type;
  const upper = type.toUpperCase();
  if (upper === 'S') return 'ST';
  const known = [...SHORT_NAMES.values()];
  if (!known.includes(upper)) {
    throw invalid(text, `expected an attribute of ${known.join(', ')} or an OID, found ${quote(type)}`);
  }
  return upper;
}

function parseValue(raw: string, type: string, text: string): string {
  const bytes: number[] = [];
  /** How many bytes to keep, whatever space follows: up to the last one that is escaped or no space. */
  let kept = 0;
  const value = raw.replace(/^[ \t]+/, '');
  if (value.startsWith('#')) throw invalid(text, `${type}: a value in the form =# is not supported`);
  for (let at = 0; at < value.length; ) {
    if (value[at] === '\\') {
      const pair = value.slice(at + 1, at + 3);
      const next = value[at + 1] ?? '';
      if (HEX_PAIR.test(pair)) bytes.push(Number.parseInt(pair, 16));
      else if (next !== '' && ESCAPABLE.includes(next)) bytes.push(next.charCodeAt(0));
      else throw invalid(text, `${type}: expected an escape of RFC 4514 after the backslash, found ${quote(pair)}`);
      at += HEX_PAIR.test(pair) ? 3 : 2;
      kept = bytes.length;
      continue;
    }
    const character = String.fromCodePoint(value.codePointAt(at) ?? 0);
    if ('"<>;\u0000'.includes(character)) throw invalid(text, `${type}: ${quote(character)} must be escaped`);
    bytes.push(...Buffer.from(character));
    at += character.length;
    if (character !== ' ' && character !== '\t') kept = bytes.length;
  }
  if (kept === 0) throw invalid(text, `${type}: expected a value, found none`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes.slice(0, kept)));
  } catch {
    throw invalid(text, `${type}: the escaped bytes are not UTF-8`);
  }
}

function invalid(text: string, problem: string): NotaryError {
  return new NotaryError('InvalidTrustPolicy', `distinguished name ${quote(text)}: ${problem} (notary.md F6)`, {
    rule: 'F6',
  });
}
