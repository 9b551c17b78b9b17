import type { Descriptor } from './descriptor.ts';
import { RESERVED_PREFIX } from './envelope/headers.ts';
import { NotaryError } from './error.ts';
import { quote } from './quote.ts';
import { type JsonObject, type JsonValue, parseStrictJson, refuseMisspelt } from './strict-json.ts';

const DESCRIPTOR_FIELDS: ReadonlySet<string> = new Set(['mediaType', 'digest', 'size', 'annotations']);
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

/**
 * Reads the subject out of a payload. Other fields are ignored, as the descriptor of the specification may have more
 * (artifactType); those that are read must have their exact names and types.
 * @throws NotaryError MalformedEnvelope
 */
export function parsePayload(bytes: Uint8Array): Descriptor {
  const payload = parseStrictJson(bytes, 'the payload');
  if (!(payload instanceof Map)) throw malformed('expected an object');
  refuseMisspelt(payload, new Set(['targetArtifact']), 'the payload');
  const target: JsonValue | undefined = payload.get('targetArtifact');
  if (!(target instanceof Map)) throw malformed('targetArtifact: expected an object');
  refuseMisspelt(target, DESCRIPTOR_FIELDS, 'the payload');
  const mediaType = target.get('mediaType');
  const digest = target.get('digest');
  const size = target.get('size');
  const annotations = target.get('annotations');
  if (typeof mediaType !== 'string' || mediaType === '') throw malformed('targetArtifact.mediaType: expected a string');
  if (typeof digest !== 'string' || !DIGEST.test(digest)) {
    throw malformed('targetArtifact.digest: expected sha256:<hex>');
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw malformed('targetArtifact.size: expected a whole number of bytes');
  }
  return {
    mediaType,
    digest,
    size,
    ...(annotations === undefined ? {} : { annotations: parseAnnotations(annotations) }),
  };
}

function parseAnnotations(value: JsonValue): Readonly<Record<string, string>> {
  if (!(value instanceof Map)) throw malformed('targetArtifact.annotations: expected an object');
  const entries = [...(value as JsonObject)].map(([key, text]): [string, string] => {
    if (typeof text !== 'string')
      throw malformed(`targetArtifact.annotations: expected strings, ${quote(key)} has none`);
    if (key.startsWith(RESERVED_PREFIX))
      throw malformed(`targetArtifact.annotations: the key ${quote(key)} is reserved`);
    return [key, text];
  });
  // Not by assignment, which would lose the key __proto__.
  return Object.fromEntries(entries);
}

function malformed(message: string): NotaryError {
  return new NotaryError('MalformedEnvelope', `payload: ${message} (notary.md B7)`, { rule: 'B7' });
}
