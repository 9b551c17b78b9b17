import type { Descriptor } from './descriptor.ts';
import { decodeUtf8 } from './encoding.ts';
import { NotaryError } from './error.ts';
import { type JsonObject, parseStrictObject } from './strict-json.ts';

const RESERVED_PREFIX = 'io.cncf.notary';
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;

/**
 * The payload that a signature covers: the subject, with the user metadata as its annotations (notary.md B7).
 * @throws NotaryError InvalidSigningRequest for a reserved metadata key
 */
export function createPayload(subject: Descriptor, userMetadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const reserved = Object.keys(userMetadata).find((key) => key.startsWith(RESERVED_PREFIX));
  if (reserved !== undefined) {
    throw new NotaryError(
      'InvalidSigningRequest',
      `user metadata: the key ${reserved} is reserved, for it begins with ${RESERVED_PREFIX}; choose another`,
      { rule: 'B7' },
    );
  }
  const { mediaType, digest, size } = subject;
  const annotations = Object.keys(userMetadata).length === 0 ? {} : { annotations: userMetadata };
  return Buffer.from(JSON.stringify({ targetArtifact: { mediaType, digest, size, ...annotations } }), 'utf8');
}

/** Reads the subject out of a payload. @throws NotaryError MalformedEnvelope */
export function parsePayload(bytes: Uint8Array): Descriptor {
  const text = decodeUtf8(bytes);
  if (text === undefined) throw malformed('expected UTF-8');
  const payload = parseStrictObject(text, 2);
  if (typeof payload === 'string') throw malformed(payload);
  const target = payload['targetArtifact'];
  if (!isObject(target)) throw malformed('targetArtifact: expected an object');
  const { mediaType, digest, size, annotations } = target;
  if (typeof mediaType !== 'string' || mediaType === '') throw malformed('targetArtifact.mediaType: expected a string');
  if (typeof digest !== 'string' || !DIGEST.test(digest))
    throw malformed('targetArtifact.digest: expected sha256:<hex>');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw malformed('targetArtifact.size: expected a whole number of bytes');
  }
  const metadata = annotations === undefined || annotations === null ? undefined : parseAnnotations(annotations);
  return { mediaType, digest, size, ...(metadata === undefined ? {} : { annotations: metadata }) };
}

function parseAnnotations(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) throw malformed('targetArtifact.annotations: expected an object');
  const result: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw malformed(`targetArtifact.annotations: expected strings, ${JSON.stringify(key)} has none`);
    if (key.startsWith(RESERVED_PREFIX))
      throw malformed(`targetArtifact.annotations: the key ${JSON.stringify(key)} is reserved`);
    result[key] = text;
  }
  return result;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(message: string): NotaryError {
  return new NotaryError('MalformedEnvelope', `payload: ${message}`, { rule: 'B7' });
}
