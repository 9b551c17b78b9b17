import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { FlattenedSign } from 'jose';
import { signatureAlgorithmOf, thumbprints } from './algorithm.ts';
import { checkChain } from './certificates/chain.ts';
import { distinguishedNameOf } from './certificates/distinguished-name.ts';
import type { Descriptor } from './descriptor.ts';
import { formatRfc3339 } from './encoding.ts';
import { type EnvelopeMediaType, MEDIA_TYPE_JWS, PAYLOAD_TYPE, type SigningScheme } from './envelope/envelope.ts';
import {
  HEADER_AUTHENTIC_SIGNING_TIME,
  HEADER_EXPIRY,
  HEADER_SIGNING_AGENT,
  HEADER_SIGNING_SCHEME,
  HEADER_SIGNING_TIME,
  HEADER_VERIFICATION_PLUGIN,
} from './envelope/headers.ts';
import { NotaryError } from './error.ts';
import { createPayload } from './payload.ts';

export const ARTIFACT_TYPE_NOTATION = 'application/vnd.cncf.notary.signature';
export const ANNOTATION_THUMBPRINT = 'io.cncf.notary.x509chain.thumbprint#S256';
export const ANNOTATION_CREATED = 'org.opencontainers.image.created';

export interface SignEnvelopeInput {
  readonly subject: Descriptor;
  readonly userMetadata?: Readonly<Record<string, string>>;
  readonly key: KeyObject;
  /** Leaf first, root included. */
  readonly certificates: readonly X509Certificate[];
  readonly format: 'JWS';
  /** Default notary.x509. */
  readonly scheme?: SigningScheme;
  readonly signingTime: Date;
  readonly expiry?: Date;
  readonly signingAgent: string;
  readonly verificationPlugin?: string;
  readonly extendedAttributes?: readonly {
    readonly name: string;
    readonly value: unknown;
    readonly critical: boolean;
  }[];
}

/**
 * Signs a subject with a private key (notary.md B). What would not verify is refused before anything is signed.
 * @returns the envelope
 * @throws NotaryError InvalidKey, InvalidCertificateChain or InvalidSigningRequest, with what to do
 */
export async function signEnvelope(
  input: SignEnvelopeInput,
): Promise<{ readonly bytes: Uint8Array; readonly mediaType: EnvelopeMediaType }> {
  checkSigner(input);
  const critical = [HEADER_SIGNING_SCHEME];
  const header: Record<string, unknown> = {
    alg: signatureAlgorithmOf(input.key),
    cty: PAYLOAD_TYPE,
    [HEADER_SIGNING_SCHEME]: input.scheme ?? 'notary.x509',
  };
  if (input.scheme === 'notary.x509.signingAuthority') {
    header[HEADER_AUTHENTIC_SIGNING_TIME] = formatRfc3339(input.signingTime);
    critical.push(HEADER_AUTHENTIC_SIGNING_TIME);
  } else {
    header[HEADER_SIGNING_TIME] = formatRfc3339(input.signingTime);
  }
  if (input.expiry !== undefined) {
    header[HEADER_EXPIRY] = formatRfc3339(input.expiry);
    critical.push(HEADER_EXPIRY);
  }
  if (input.verificationPlugin !== undefined) {
    header[HEADER_VERIFICATION_PLUGIN] = input.verificationPlugin;
    critical.push(HEADER_VERIFICATION_PLUGIN);
  }
  for (const { name, value, critical: isCritical } of input.extendedAttributes ?? []) {
    header[name] = value;
    if (isCritical) critical.push(name);
  }
  const jws = await new FlattenedSign(createPayload(input.subject, input.userMetadata))
    .setProtectedHeader({ ...header, alg: String(header['alg']), crit: critical })
    .setUnprotectedHeader({
      x5c: input.certificates.map((certificate) => certificate.raw.toString('base64')),
      [HEADER_SIGNING_AGENT]: input.signingAgent,
    })
    .sign(input.key, { crit: Object.fromEntries(critical.map((name) => [name, true])) });
  const { payload, protected: protectedHeader, header: unprotected, signature } = jws;
  const bytes = Buffer.from(
    JSON.stringify({ payload, protected: protectedHeader, header: unprotected, signature }),
    'utf8',
  );
  return { bytes, mediaType: MEDIA_TYPE_JWS };
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

function checkSigner({ key, certificates, signingTime, expiry }: SignEnvelopeInput): void {
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
    throw new NotaryError('InvalidSigningRequest', 'expiry: expected at least one second after signing');
  }
}
