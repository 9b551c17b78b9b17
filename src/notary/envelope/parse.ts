import { parseCertificateDer, type ReadCertificate } from '../certificates/pem.ts';
import { NotaryError } from '../error.ts';
import { quote } from '../quote.ts';
import { coseFormat } from './cose.ts';
import type { Envelope, EnvelopeFormat } from './envelope.ts';
import { jwsFormat } from './jws.ts';

/** The formats that can be read. */
const FORMATS: readonly EnvelopeFormat[] = [jwsFormat, coseFormat];

/**
 * Reads an envelope of a known media type.
 * @throws NotaryError MalformedEnvelope, also for a media type that is no envelope's
 */
export function parseEnvelope(
  bytes: Uint8Array,
  mediaType: string,
  readCertificate: ReadCertificate = parseCertificateDer,
): Envelope {
  const format = FORMATS.find((candidate) => candidate.mediaType === mediaType);
  if (format !== undefined) return format.parse(bytes, readCertificate);
  const known = FORMATS.map((candidate) => candidate.mediaType).join(', ');
  // Anybody may push such a thing: it is a failed attempt, and never makes a verdict Unknown.
  throw new NotaryError('MalformedEnvelope', `expected an envelope of ${known}; found ${quote(mediaType)}`);
}
