import { X509Certificate } from 'node:crypto';
import { decodeBase64, decodeBase64Url, decodeUtf8, parseRfc3339 } from '../encoding.ts';
import { NotaryError } from '../error.ts';
import { parsePayload } from '../payload.ts';
import { type JsonObject, parseStrictObject } from '../strict-json.ts';
import { type Envelope, type EnvelopeFormat, MEDIA_TYPE_JWS } from './envelope.ts';
import {
  checkHeaders,
  HEADER_AUTHENTIC_SIGNING_TIME,
  HEADER_EXPIRY,
  HEADER_SIGNING_AGENT,
  HEADER_SIGNING_TIME,
  HEADER_TIMESTAMP_SIGNATURE,
} from './headers.ts';

const MAX_CERTIFICATES = 16;
const TIMES: ReadonlySet<string> = new Set([HEADER_SIGNING_TIME, HEADER_AUTHENTIC_SIGNING_TIME, HEADER_EXPIRY]);
const OWN_HEADERS: ReadonlySet<string> = new Set(['alg', 'cty', 'crit']);

/** JWS envelopes: flattened JSON serialisation (notary.md B). */
export const jwsFormat: EnvelopeFormat = { mediaType: MEDIA_TYPE_JWS, format: 'JWS', parse: parseJws };

function parseJws(bytes: Uint8Array): Envelope {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw malformed('B1', 'expected UTF-8');
  const outer = parseStrictObject(text, 1);
  if (typeof outer === 'string') throw malformed('B1', outer);
  const { payload, protected: protectedHeader, header, signature, ...rest } = outer;
  const extra = Object.keys(rest)[0];
  if (extra !== undefined) {
    throw malformed(
      'B1',
      `expected payload, protected, header and signature only; found ${JSON.stringify(extra).slice(0, 100)}`,
    );
  }
  const payloadBytes = base64Url(payload, 'payload');
  const signatureBytes = base64Url(signature, 'signature');
  const attributes = parseProtected(base64Url(protectedHeader, 'protected'));
  const { alg, cty, crit } = attributes;
  if (typeof alg !== 'string') throw malformed('B2', 'protected header: alg is missing');
  const unprotected = parseUnprotected(header);
  return {
    format: 'JWS',
    algorithm: alg,
    ...checkHeaders({
      contentType: cty,
      critical: parseCritical(crit),
      attributes: new Map(
        Object.entries(attributes)
          .filter(([name]) => !OWN_HEADERS.has(name))
          .map(withTimes),
      ),
      neverCritical: OWN_HEADERS,
    }),
    ...unprotected,
    subject: parsePayload(payloadBytes),
    signedBytes: Buffer.from(`${String(protectedHeader)}.${String(payload)}`, 'ascii'),
    signature: signatureBytes,
  };
}

function base64Url(value: unknown, name: string): Buffer {
  const bytes = typeof value === 'string' && value !== '' ? decodeBase64Url(value) : undefined;
  if (bytes === undefined) throw malformed('B7', `${name}: expected base64url without padding`);
  return bytes;
}

function parseProtected(bytes: Buffer): JsonObject {
  const text = decodeUtf8(bytes);
  const header = text === undefined ? 'it is not UTF-8' : parseStrictObject(text, 1);
  if (typeof header === 'string') throw malformed('B2', `protected header: ${header}`);
  return header;
}

function parseCritical(crit: unknown): readonly unknown[] {
  if (!Array.isArray(crit) || crit.length === 0)
    throw malformed('B3', 'protected header: crit: expected a non-empty array');
  return crit;
}

function withTimes([name, value]: [string, unknown]): [string, unknown] {
  if (!TIMES.has(name) || typeof value !== 'string') return [name, value];
  return [name, parseRfc3339(value) ?? value];
}

function parseUnprotected(header: unknown): Pick<Envelope, 'certificates' | 'timestampToken' | 'signingAgent'> {
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw malformed('B6', 'header: expected an object with x5c');
  }
  const values = header as JsonObject;
  const agent = values[HEADER_SIGNING_AGENT];
  const token = values[HEADER_TIMESTAMP_SIGNATURE];
  const timestampToken = token === undefined ? undefined : standardBase64(token, HEADER_TIMESTAMP_SIGNATURE);
  return {
    certificates: parseX5c(values['x5c']),
    ...(timestampToken === undefined ? {} : { timestampToken }),
    ...(typeof agent === 'string' ? { signingAgent: agent } : {}),
  };
}

function parseX5c(x5c: unknown): readonly X509Certificate[] {
  if (!Array.isArray(x5c) || x5c.length === 0) throw malformed('B6', 'header: x5c: expected at least one certificate');
  if (x5c.length > MAX_CERTIFICATES)
    throw malformed('B6', `header: x5c: expected at most ${MAX_CERTIFICATES} certificates`);
  return x5c.map((entry: unknown, i) => {
    const der = standardBase64(entry, `x5c[${i}]`);
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(der);
    } catch (error) {
      throw malformed('B6', `header: x5c[${i}]: expected a DER certificate`, error);
    }
    // OpenSSL also reads PEM, and stops at the end of the first certificate: only the exact DER may pass.
    if (!certificate.raw.equals(der))
      throw malformed('B6', `header: x5c[${i}]: expected one DER certificate and nothing else`);
    return certificate;
  });
}

function standardBase64(value: unknown, name: string): Buffer {
  const bytes = typeof value === 'string' && value !== '' ? decodeBase64(value) : undefined;
  if (bytes === undefined) throw malformed('B6', `header: ${name}: expected standard base64`);
  return bytes;
}

function malformed(rule: string, message: string, cause?: unknown): NotaryError {
  return new NotaryError('MalformedEnvelope', `JWS envelope: ${message} (notary.md ${rule})`, { rule, cause });
}
