import type { X509Certificate } from 'node:crypto';
import type { ReadCertificate } from '../certificates/pem.ts';
import { decodeBase64, decodeBase64Url, parseRfc3339 } from '../encoding.ts';
import { NotaryError } from '../error.ts';
import { parsePayload } from '../payload.ts';
import { quote } from '../quote.ts';
import { type JsonObject, type JsonValue, parseStrictJson, refuseMisspelt } from '../strict-json.ts';
import {
  type Envelope,
  type EnvelopeFormat,
  MAX_ENVELOPE_BYTES,
  MAX_ENVELOPE_CERTIFICATES,
  MAX_SIGNED_PART_BYTES,
  MEDIA_TYPE_JWS,
} from './envelope.ts';
import {
  checkHeaders,
  HEADER_AUTHENTIC_SIGNING_TIME,
  HEADER_EXPIRY,
  HEADER_SIGNING_AGENT,
  HEADER_SIGNING_TIME,
  HEADER_TIMESTAMP_SIGNATURE,
  SIGNED_HEADERS,
} from './headers.ts';

/** In base64url. */
const MAX_SIGNED_PART_LENGTH = Math.ceil((MAX_SIGNED_PART_BYTES * 4) / 3);
const MEMBERS: ReadonlySet<string> = new Set(['payload', 'protected', 'header', 'signature']);
const OWN_HEADERS: ReadonlySet<string> = new Set(['alg', 'cty', 'crit']);
const UNPROTECTED_HEADERS: ReadonlySet<string> = new Set(['x5c', HEADER_TIMESTAMP_SIGNATURE, HEADER_SIGNING_AGENT]);
const TIMES: ReadonlySet<string> = new Set([HEADER_SIGNING_TIME, HEADER_AUTHENTIC_SIGNING_TIME, HEADER_EXPIRY]);

/** JWS envelopes: flattened JSON serialisation (notary.md B). */
export const jwsFormat: EnvelopeFormat = { mediaType: MEDIA_TYPE_JWS, format: 'JWS', parse: parseJws };

function parseJws(bytes: Uint8Array, readCertificate: ReadCertificate): Envelope {
  const members = parseMembers(bytes);
  const payload = base64Url(members.get('payload'), 'payload');
  const protectedHeader = base64Url(members.get('protected'), 'protected');
  const signature = base64Url(members.get('signature'), 'signature');
  const attributes = parseProtected(protectedHeader.bytes);
  const unprotected = members.get('header');
  if (!(unprotected instanceof Map)) throw malformed('B6', 'header: expected an object with x5c');
  const algorithm = attributes.get('alg');
  if (typeof algorithm !== 'string') throw malformed('B2', 'protected header: alg is missing');
  refuseShared(attributes, unprotected);
  return {
    format: 'JWS',
    algorithm,
    ...checkHeaders({
      contentType: attributes.get('cty'),
      critical: parseCritical(attributes.get('crit')),
      attributes: withTimes(attributes),
      neverCritical: OWN_HEADERS,
      timeForm: 'an RFC 3339 time',
    }),
    ...parseUnprotected(unprotected, readCertificate),
    subject: parsePayload(payload.bytes),
    signedBytes: Buffer.from(`${protectedHeader.text}.${payload.text}`, 'ascii'),
    signature: signature.bytes,
  };
}

function parseMembers(bytes: Uint8Array): JsonObject {
  if (bytes.byteLength > MAX_ENVELOPE_BYTES) {
    throw malformed('A6', `expected at most ${MAX_ENVELOPE_BYTES} bytes, found ${bytes.byteLength}`);
  }
  const members = parseStrictJson(bytes, 'the envelope');
  if (!(members instanceof Map)) throw malformed('B1', 'expected a JSON object');
  for (const name of members.keys()) {
    if (!MEMBERS.has(name)) {
      throw malformed('B1', `expected payload, protected, header and signature only; found ${quote(name)}`);
    }
  }
  return members;
}

function base64Url(value: JsonValue | undefined, name: string): { readonly text: string; readonly bytes: Buffer } {
  if (typeof value !== 'string' || value === '') throw malformed('B1', `${name}: expected a string`);
  if (value.length > MAX_SIGNED_PART_LENGTH) {
    throw malformed('A6', `${name}: expected at most ${MAX_SIGNED_PART_BYTES} bytes`);
  }
  const bytes = decodeBase64Url(value);
  if (bytes === undefined) throw malformed('B7', `${name}: expected base64url without padding`);
  return { text: value, bytes };
}

function parseProtected(bytes: Buffer): JsonObject {
  const header = parseStrictJson(bytes, 'the protected header');
  if (!(header instanceof Map)) throw malformed('B2', 'protected header: expected a JSON object');
  refuseMisspelt(header, new Set([...OWN_HEADERS, ...SIGNED_HEADERS]), 'the protected header');
  return header;
}

/** One name has one value: the two headers share none (RFC 7515 §4). */
function refuseShared(attributes: JsonObject, unprotected: JsonObject): void {
  for (const name of unprotected.keys()) {
    if (attributes.has(name)) throw malformed('B6', `${quote(name)} stands in both headers`);
  }
}

function parseCritical(crit: JsonValue | undefined): readonly JsonValue[] {
  if (!Array.isArray(crit) || crit.length === 0) {
    throw malformed('B3', 'protected header: crit: expected a non-empty array');
  }
  return crit;
}

/** The signed attributes without JWS's own, times as dates; a time that is none stays text, for checkHeaders to refuse. */
function withTimes(header: JsonObject): ReadonlyMap<string, unknown> {
  const attributes = new Map<string, unknown>();
  for (const [name, value] of header) {
    if (OWN_HEADERS.has(name)) continue;
    attributes.set(name, TIMES.has(name) && typeof value === 'string' ? (parseRfc3339(value) ?? value) : value);
  }
  return attributes;
}

function parseUnprotected(
  header: JsonObject,
  readCertificate: ReadCertificate,
): Pick<Envelope, 'certificates' | 'timestampToken' | 'signingAgent'> {
  refuseMisspelt(header, UNPROTECTED_HEADERS, 'the unprotected header');
  const agent = header.get(HEADER_SIGNING_AGENT);
  const token = header.get(HEADER_TIMESTAMP_SIGNATURE);
  if (agent !== undefined && typeof agent !== 'string')
    throw malformed('B6', `header: ${HEADER_SIGNING_AGENT}: expected a string`);
  const timestampToken = token === undefined ? undefined : standardBase64(token, HEADER_TIMESTAMP_SIGNATURE);
  return {
    certificates: parseX5c(header.get('x5c'), readCertificate),
    ...(timestampToken === undefined ? {} : { timestampToken }),
    ...(agent === undefined ? {} : { signingAgent: agent }),
  };
}

function parseX5c(x5c: JsonValue | undefined, readCertificate: ReadCertificate): readonly X509Certificate[] {
  if (!Array.isArray(x5c) || x5c.length === 0) throw malformed('B6', 'header: x5c: expected at least one certificate');
  if (x5c.length > MAX_ENVELOPE_CERTIFICATES) {
    throw malformed('B6', `header: x5c: expected at most ${MAX_ENVELOPE_CERTIFICATES} certificates`);
  }
  return x5c.map((entry: JsonValue, i) => parseX5cEntry(entry, `x5c[${i}]`, readCertificate));
}

function parseX5cEntry(entry: JsonValue, name: string, readCertificate: ReadCertificate): X509Certificate {
  const der = standardBase64(entry, name);
  try {
    return readCertificate(der, name);
  } catch (error) {
    if (error instanceof NotaryError) throw malformed('B6', `header: ${error.message}`, error);
    throw error;
  }
}

function standardBase64(value: JsonValue, name: string): Buffer {
  const bytes = typeof value === 'string' && value !== '' ? decodeBase64(value) : undefined;
  if (bytes === undefined) throw malformed('B6', `header: ${name}: expected standard base64`);
  return bytes;
}

function malformed(rule: string, message: string, cause?: unknown): NotaryError {
  return new NotaryError('MalformedEnvelope', `JWS envelope: ${message} (notary.md ${rule})`, { rule, cause });
}
