import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { hashOfAlgorithm, signatureAlgorithmOf, thumbprints } from './algorithm.ts';
import { checkChain } from './certificates/chain.ts';
import { distinguishedNameOf } from './certificates/distinguished-name.ts';
import type { Descriptor } from './descriptor.ts';
import { formatRfc3339 } from './encoding.ts';
import { writeCose } from './envelope/cose-sign.ts';
import {
  type Envelope,
  type EnvelopeMediaType,
  MEDIA_TYPE_COSE,
  MEDIA_TYPE_JWS,
  type SignatureFormat,
  type SigningScheme,
} from './envelope/envelope.ts';
import {
  HEADER_AUTHENTIC_SIGNING_TIME,
  HEADER_EXPIRY,
  HEADER_SIGNING_SCHEME,
  HEADER_SIGNING_TIME,
  HEADER_VERIFICATION_PLUGIN,
  RESERVED_PREFIX,
} from './envelope/headers.ts';
import { writeJws } from './envelope/jws-sign.ts';
import { parseEnvelope } from './envelope/parse.ts';
import type { EnvelopeContent, EnvelopeWriter } from './envelope/writer.ts';
import { NotaryError } from './error.ts';
import { checkSignature } from './integrity.ts';
import { createPayload } from './payload.ts';
import { quote } from './quote.ts';
import type { RevocationContext } from './revocation/revocation.ts';
import type { RequestTimestamp } from './timestamp/timestamp.ts';

export const ARTIFACT_TYPE_NOTATION = 'application/vnd.cncf.notary.signature';
export const ANNOTATION_THUMBPRINT = 'io.cncf.notary.x509chain.thumbprint#S256';
export const ANNOTATION_CREATED = 'org.opencontainers.image.created';

export interface ExtendedAttribute {
  readonly name: string;
  readonly value: unknown;
  readonly critical: boolean;
}

export interface SignEnvelopeInput {
  readonly subject: Descriptor;
  readonly userMetadata?: Readonly<Record<string, string>>;
  readonly key: KeyObject;
  /** Leaf first, root included. */
  readonly certificates: readonly X509Certificate[];
  readonly format: SignatureFormat;
  /** Default notary.x509. */
  readonly scheme?: SigningScheme;
  /** Written in whole seconds, as is the expiry. */
  readonly signingTime: Date;
  readonly expiry?: Date;
  readonly signingAgent: string;
  readonly verificationPlugin?: string;
  readonly extendedAttributes?: readonly ExtendedAttribute[];
  /** Has the signature time-stamped (notary.md I), with the clock and the limit that its own checks need. */
  readonly timestamp?: RevocationContext & { readonly request: RequestTimestamp };
}

const WRITERS: Readonly<Record<SignatureFormat, { mediaType: EnvelopeMediaType; write: EnvelopeWriter }>> = {
  JWS: { mediaType: MEDIA_TYPE_JWS, write: writeJws },
  COSE: { mediaType: MEDIA_TYPE_COSE, write: writeCose },
};
/** Names that mean something else to a format, whatever is said of extended attributes. */
const FORMAT_NAMES: ReadonlySet<string> = new Set(['alg', 'cty', 'crit', 'b64', 'x5c']);

/**
 * Signs a subject with a private key (notary.md B, C). What would not verify is refused before anything is signed, and
 * what was signed is read back and verified before it is returned.
 * @returns the envelope
 * @throws NotaryError InvalidKey, InvalidCertificateChain or InvalidSigningRequest, with what to do; what `timestamp`
 * rejects with
 */
export async function signEnvelope(
  input: SignEnvelopeInput,
): Promise<{ readonly bytes: Uint8Array; readonly mediaType: EnvelopeMediaType }> {
  checkSigner(input);
  const { timestamp } = input;
  const { mediaType, write } = WRITERS[input.format];
  const content = contentOf(input);
  const bytes = await write(content, input.key, async (signature) =>
    timestamp?.request(signature, hashOfAlgorithm(content.algorithm), timestamp),
  );
  checkWritten(bytes, mediaType);
  return { bytes, mediaType };
}

/** What both formats write, in their own way: headers by name, times as dates. */
function contentOf(input: SignEnvelopeInput): EnvelopeContent {
  const scheme = input.scheme ?? 'notary.x509';
  const signingTime = wholeSeconds(input.signingTime);
  const attributes = new Map<string, unknown>([[HEADER_SIGNING_SCHEME, scheme]]);
  const critical = [HEADER_SIGNING_SCHEME];
  const addCritical = (name: string, value: unknown): void => {
    attributes.set(name, value);
    critical.push(name);
  };
  if (scheme === 'notary.x509') attributes.set(HEADER_SIGNING_TIME, signingTime);
  else addCritical(HEADER_AUTHENTIC_SIGNING_TIME, signingTime);
  if (input.expiry !== undefined) addCritical(HEADER_EXPIRY, wholeSeconds(input.expiry));
  if (input.verificationPlugin !== undefined) addCritical(HEADER_VERIFICATION_PLUGIN, input.verificationPlugin);
  for (const { name, value, critical: isCritical } of input.extendedAttributes ?? []) {
    if (attributes.has(name) || FORMAT_NAMES.has(name) || name.startsWith(RESERVED_PREFIX) || name === '') {
      throw badRequest(`extended attribute ${quote(name)}: expected a name of its own, given once; choose another`);
    }
    if (isCritical) addCritical(name, value);
    else attributes.set(name, value);
  }
  return {
    algorithm: signatureAlgorithmOf(input.key),
    attributes,
    critical,
    payload: createPayload(input.subject, input.userMetadata),
    certificates: input.certificates,
    signingAgent: input.signingAgent,
  };
}

/** What would not verify never leaves: a subject or an attribute that the format cannot hold, a key that fails. */
function checkWritten(bytes: Uint8Array, mediaType: EnvelopeMediaType): void {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(bytes, mediaType);
  } catch (cause) {
    if (!(cause instanceof NotaryError)) throw cause;
    throw badRequest(`what is to be signed makes no envelope that can be verified: ${cause.message}`, cause);
  }
  const failure = checkSignature(envelope);
  if (failure !== undefined) {
    throw new NotaryError('InvalidKey', `the signature that the key made does not verify: ${failure.reason}`);
  }
}

/** The annotations of a signature manifest (notary.md A3). */
export function signatureAnnotations(
  certificates: readonly X509Certificate[],
  signingTime: Date,
): Readonly<Record<string, string>> {
  return {
    [ANNOTATION_THUMBPRINT]: JSON.stringify(thumbprints(certificates)),
    [ANNOTATION_CREATED]: formatRfc3339(signingTime),
  };
}

function checkSigner({ key, certificates, signingTime, expiry, scheme, timestamp }: SignEnvelopeInput): void {
  if (key.type !== 'private') throw new NotaryError('InvalidKey', `expected a private key; found a ${key.type} key`);
  checkChain(certificates, 'codeSigning');
  const leaf = certificates[0];
  if (leaf === undefined || !createPublicKey(key).equals(leaf.publicKey)) {
    const name = leaf === undefined ? 'the leaf' : distinguishedNameOf(leaf);
    throw new NotaryError(
      'InvalidKey',
      `the private key does not belong to the first certificate, ${name}: put the leaf first, and its own key beside it`,
    );
  }
  const invalid = certificates.find(
    ({ validFromDate, validToDate }) => signingTime < validFromDate || signingTime > validToDate,
  );
  if (invalid !== undefined) {
    const until = `${formatRfc3339(invalid.validFromDate)} to ${formatRfc3339(invalid.validToDate)}`;
    throw new NotaryError(
      'InvalidCertificateChain',
      `the certificate ${distinguishedNameOf(invalid)} is valid from ${until} only: renew it`,
    );
  }
  if (expiry !== undefined && expiry.getTime() < signingTime.getTime() + 1000) {
    throw badRequest('expiry: expected at least one second after signing');
  }
  if (timestamp !== undefined && scheme === 'notary.x509.signingAuthority') {
    throw badRequest('timestamp: the scheme notary.x509.signingAuthority has its own authentic time; remove it');
  }
}

function wholeSeconds(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 1000) * 1000);
}

function badRequest(message: string, cause?: unknown): NotaryError {
  return new NotaryError('InvalidSigningRequest', message, { cause });
}
