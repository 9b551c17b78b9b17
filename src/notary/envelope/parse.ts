import { NotaryError } from '../error.ts';
import { quote } from '../quote.ts';
import { type Envelope, type EnvelopeFormat, MEDIA_TYPE_COSE } from './envelope.ts';
import { jwsFormat } from './jws.ts';

/** The formats that can be read. */
const FORMATS: readonly EnvelopeFormat[] = [jwsFormat];

/**
 * Reads an envelope of a known media type.
 * @throws NotaryError MalformedEnvelope, also for a media type that is no envelope's; UnsupportedFormat for COSE
 */
export function parseEnvelope(bytes: Uint8Array, mediaType: string): Envelope {
  const format = FORMATS.find((candidate) => candidate.mediaType === mediaType);
  if (format !== undefined) return format.parse(bytes);
  const known = FORMATS.map((candidate) => candidate.mediaType).join(', ');
  if (mediaType === MEDIA_TYPE_COSE) {
    throw new NotaryError('UnsupportedFormat', `envelopes of ${mediaType} are not supported yet; supported: ${known}`);
  }
  // Anybody may push such a thing: it is a failed attempt, and never makes a verdict Unknown.
  throw new NotaryError('MalformedEnvelope', `expected an envelope of ${known}; found ${quote(mediaType)}`);
}
