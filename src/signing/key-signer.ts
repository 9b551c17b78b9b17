import type { KeyObject, X509Certificate } from 'node:crypto';
import {
  distinguishedNameOf,
  NotaryError,
  parseCertificatesPem,
  parseEnvelope,
  parsePrivateKeyPem,
  type RequestTimestamp,
  type SignatureFormat,
  signatureAnnotations,
  signEnvelope,
} from '../notary/index.ts';
import type { Signer } from './signer.ts';

export interface KeySignerInput {
  /** PEM, leaf first (tls.crt). */
  readonly certificatePem: string;
  /** PEM (tls.key). */
  readonly privateKeyPem: string;
  readonly format: SignatureFormat;
  /** Has each signature time-stamped (notary.md I); what it rejects with fails the signing. */
  readonly requestTimestamp?: RequestTimestamp;
  readonly signingAgent: string;
}

/**
 * A signer with a private key and its certificate chain, leaf first, root included.
 * @throws NotaryError InvalidKey or InvalidCertificateChain, with what to do
 */
export function createKeySigner(input: KeySignerInput): Signer {
  const certificates: readonly X509Certificate[] = parseCertificatesPem(input.certificatePem);
  const key: KeyObject = parsePrivateKeyPem(input.privateKeyPem);
  const leaf = certificates[0];
  if (leaf === undefined) {
    throw new NotaryError('InvalidCertificateChain', 'expected at least one certificate, the leaf first; found none');
  }
  return {
    name: distinguishedNameOf(leaf),
    claimProvenBy: 'integrity',
    claims: (envelope) => envelope.certificates[0]?.publicKey.equals(leaf.publicKey) === true,
    sign: async ({ subject, userMetadata, expiryMs, now }, signal) => {
      const { bytes, mediaType } = await signEnvelope({
        subject,
        ...(userMetadata === undefined ? {} : { userMetadata }),
        key,
        certificates: [...certificates],
        format: input.format,
        signingTime: now,
        ...(expiryMs === undefined ? {} : { expiry: new Date(now.getTime() + expiryMs) }),
        signingAgent: input.signingAgent,
        ...(input.requestTimestamp === undefined
          ? {}
          : { timestamp: { request: input.requestTimestamp, now, signal } }),
      });
      return {
        bytes,
        mediaType,
        envelope: parseEnvelope(bytes, mediaType),
        annotations: signatureAnnotations([...certificates], now),
      };
    },
  };
}
