import type { Descriptor } from '../notary/index.ts';
import { OciError } from './error.ts';
import { isDigest } from './reference.ts';

/**
 * The entries of an OCI index, as they are.
 * @throws OciError InvalidAnswer when the bytes are no index
 */
export function entriesOf(bytes: Uint8Array, what: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new OciError('InvalidAnswer', `${what}: expected an OCI index in JSON`);
  }
  const manifests =
    typeof parsed === 'object' && parsed !== null && 'manifests' in parsed ? parsed.manifests : undefined;
  // Go writes an empty list as null.
  if (manifests === null) return [];
  if (!Array.isArray(manifests)) throw new OciError('InvalidAnswer', `${what}: expected an OCI index with manifests`);
  return manifests;
}

/** The annotations of a manifest or index, of those the ones that are strings. */
export function annotationsOf(bytes: Uint8Array): Readonly<Record<string, string>> {
  const parsed: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
  return stringsOf(typeof parsed === 'object' && parsed !== null && 'annotations' in parsed ? parsed.annotations : {});
}

/** The entries of a JSON object that are strings. */
export function stringsOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Of a media type: 127 characters on either side of the slash (RFC 6838 §4.2). Lists of descriptors are kept. */
const MAX_MEDIA_TYPE_LENGTH = 255;

/** Reads an OCI descriptor out of JSON, without its annotations; undefined when it is none. */
export function parseDescriptor(value: unknown): Descriptor | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { mediaType, digest, size } = value as Readonly<Record<string, unknown>>;
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return undefined;
  if (mediaType.length > MAX_MEDIA_TYPE_LENGTH) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  return { mediaType, digest, size };
}
