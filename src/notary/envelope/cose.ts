import type { X509Certificate } from 'node:crypto';
import { encode } from 'cborg';
import type { ReadCertificate } from '../certificates/pem.ts';
import { NotaryError } from '../error.ts';
import { parsePayload } from '../payload.ts';
import { quote } from '../quote.ts';
import { type CborMap, type CborValue, decodeStrictCbor } from '../strict-cbor.ts';
import { COSE_LABEL, JWA_NAMES } from './cose-labels.ts';
import {
  type Envelope,
  type EnvelopeFormat,
  MAX_ENVELOPE_BYTES,
  MAX_ENVELOPE_CERTIFICATES,
  MAX_SIGNED_PART_BYTES,
  MEDIA_TYPE_COSE,
} from './envelope.ts';
import { checkHeaders, HEADER_SIGNING_AGENT, HEADER_TIMESTAMP_SIGNATURE } from './headers.ts';

/** Tag 18 and an array of four: COSE_Sign1_Tagged (RFC 9052 §4.2). */
const [TAG_SIGN1, ARRAY_OF_FOUR] = [0xd2, 0x84] as const;
const OWN_LABELS: ReadonlySet<unknown> = new Set([COSE_LABEL.alg, COSE_LABEL.crit, COSE_LABEL.contentType]);

/** COSE envelopes: COSE_Sign1, tagged (notary.md C). */
export const coseFormat: EnvelopeFormat = { mediaType: MEDIA_TYPE_COSE, format: 'COSE', parse: parseCose };

function parseCose(bytes: Uint8Array, readCertificate: ReadCertificate): Envelope {
  const [protectedBytes, unprotected, payload, signature] = parseMembers(bytes);
  if (!(protectedBytes instanceof Uint8Array)) throw malformed('C2', 'protected header: expected a byte string');
  if (!(unprotected instanceof Map)) throw malformed('C3', 'unprotected header: expected a map');
  if (!(payload instanceof Uint8Array))
    throw malformed('C1', 'payload: expected a byte string, not a detached payload');
  if (protectedBytes.length > MAX_SIGNED_PART_BYTES || payload.length > MAX_SIGNED_PART_BYTES) {
    throw malformed('A6', `protected header and payload: expected at most ${MAX_SIGNED_PART_BYTES} bytes each`);
  }
  if (!(signature instanceof Uint8Array) || signature.length === 0) {
    throw malformed('C1', 'signature: expected a byte string that is not empty');
  }
  const header = parseProtected(protectedBytes);
  refuseShared(header, unprotected);
  return {
    format: 'COSE',
    algorithm: parseAlgorithm(header.get(COSE_LABEL.alg)),
    ...checkHeaders({
      contentType: header.get(COSE_LABEL.contentType),
      critical: parseCritical(header),
      attributes: textLabels(header),
      neverCritical: OWN_LABELS,
      timeForm: 'an integer of seconds under tag 1',
    }),
    ...parseUnprotected(unprotected, readCertificate),
    subject: parsePayload(payload),
    signedBytes: toBeSigned(protectedBytes, payload),
    signature,
  };
}

/** The Sig_structure of RFC 9052 §4.4 without external data, over the protected header as it is written (notary.md C5). */
export function toBeSigned(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  return encode(['Signature1', protectedBytes, new Uint8Array(), payload]);
}

function parseMembers(bytes: Uint8Array): readonly CborValue[] {
  if (bytes.byteLength > MAX_ENVELOPE_BYTES) {
    throw malformed('A6', `expected at most ${MAX_ENVELOPE_BYTES} bytes, found ${bytes.byteLength}`);
  }
  if (bytes[0] !== TAG_SIGN1 || bytes[1] !== ARRAY_OF_FOUR) {
    throw malformed('C1', 'expected a tagged COSE_Sign1, which begins with the bytes d2 84');
  }
  const members = decodeStrictCbor(bytes.subarray(1), 'the envelope');
  return Array.isArray(members) ? members : [];
}

/** Zero bytes stand for an empty map (RFC 9052 §3). */
function parseProtected(bytes: Uint8Array): CborMap {
  const header = bytes.length === 0 ? new Map() : decodeStrictCbor(bytes, 'the protected header', true);
  if (!(header instanceof Map)) throw malformed('C2', 'protected header: expected a map');
  return header;
}

/** One label has one value: the two headers share none (RFC 9052 §3). */
function refuseShared(header: CborMap, unprotected: CborMap): void {
  for (const label of unprotected.keys()) {
    if (header.has(label)) throw malformed('C3', `the label ${quote(String(label))} stands in both headers`);
  }
}

/** The name of the algorithm, or its number where notary.md knows none: that equals no leaf's algorithm. */
function parseAlgorithm(value: CborValue | undefined): string {
  if (value === undefined) throw malformed('C2', 'protected header: alg (label 1) is missing');
  // The text ES256 would be no algorithm of COSE and yet equal the name that a leaf's key gives.
  if (typeof value !== 'number') throw malformed('C2', 'protected header: alg (label 1): expected an integer');
  return JWA_NAMES.get(value) ?? String(value);
}

function parseCritical(header: CborMap): readonly CborValue[] {
  const critical = header.get(COSE_LABEL.crit);
  if (!Array.isArray(critical) || critical.length === 0) {
    throw malformed('C4', 'protected header: crit (label 2): expected a non-empty array');
  }
  for (const label of critical) {
    if (typeof label !== 'number' || OWN_LABELS.has(label)) continue;
    if (!header.has(label))
      throw malformed('C4', `crit lists the label ${label}, which is not in the protected header`);
    throw malformed('C4', `the critical label ${label} is not understood`);
  }
  return critical;
}

function textLabels(header: CborMap): ReadonlyMap<string, CborValue> {
  const attributes = new Map<string, CborValue>();
  for (const [label, value] of header) if (typeof label === 'string') attributes.set(label, value);
  return attributes;
}

function parseUnprotected(
  header: CborMap,
  readCertificate: ReadCertificate,
): Pick<Envelope, 'certificates' | 'timestampToken' | 'signingAgent'> {
  const agent = header.get(HEADER_SIGNING_AGENT);
  const token = header.get(HEADER_TIMESTAMP_SIGNATURE);
  if (token !== undefined && (!(token instanceof Uint8Array) || token.length === 0)) {
    throw malformed('C3', `unprotected header: ${HEADER_TIMESTAMP_SIGNATURE}: expected a byte string`);
  }
  return {
    certificates: parseX5chain(header.get(COSE_LABEL.x5chain), readCertificate),
    ...(token instanceof Uint8Array ? { timestampToken: token } : {}),
    ...(typeof agent === 'string' ? { signingAgent: agent } : {}),
  };
}

/**
 * Always an array, also of one certificate. RFC 9360 writes a single one as a bare byte string; notation neither
 * writes nor reads that, so that taking it would only make envelopes on which two verifiers disagree.
 */
function parseX5chain(value: CborValue | undefined, readCertificate: ReadCertificate): readonly X509Certificate[] {
  const what = 'unprotected header: x5chain (label 33)';
  if (!Array.isArray(value) || value.length === 0) {
    throw malformed('C3', `${what}: expected an array of at least one certificate`);
  }
  if (value.length > MAX_ENVELOPE_CERTIFICATES) {
    throw malformed('C3', `${what}: expected at most ${MAX_ENVELOPE_CERTIFICATES} certificates`);
  }
  return value.map((entry: CborValue, i) => {
    if (!(entry instanceof Uint8Array)) throw malformed('C3', `${what}[${i}]: expected a byte string`);
    try {
      return readCertificate(entry, `x5chain[${i}]`);
    } catch (error) {
      if (error instanceof NotaryError) throw malformed('C3', `unprotected header: ${error.message}`, error);
      throw error;
    }
  });
}

function malformed(rule: string, message: string, cause?: unknown): NotaryError {
  return new NotaryError('MalformedEnvelope', `COSE envelope: ${message} (notary.md ${rule})`, { rule, cause });
}
