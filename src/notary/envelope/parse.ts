import { NotaryError } from '../error.ts';
import type { Envelope, EnvelopeFormat } from './envelope.ts';
import { jwsFormat } from './jws.ts';

/** The formats that can be read. */
const FORMATS: readonly EnvelopeFormat[] = [jwsFormat];

/**
 * Reads an envelope of a known media type.
 * @throws NotaryError MalformedEnvelope, or UnsupportedFormat for another media type
 */
export function parseEnvelope(bytes: Uint8Array, mediaType: string): Envelope {
  const format = FORMATS.find((candidate) => candidate.mediaType === mediaType);
  if (format !== undefined) return format.parse(bytes);
  const known = FORMATS.map((candidate) => candidate.mediaType).join(', ');
  throw new NotaryError(
    'UnsupportedFormat',
    `envelopes of ${JSON.stringify(mediaType.slice(0, 100))} are not supported yet; supported: ${known}`,
  );
}
