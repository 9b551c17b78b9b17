import type { X509Certificate } from 'node:crypto';
import type { ReadCertificate } from '../certificates/pem.ts';
import type { Descriptor } from '../descriptor.ts';

export const MEDIA_TYPE_JWS = 'application/jose+json';
export const MEDIA_TYPE_COSE = 'application/cose';
export type EnvelopeMediaType = typeof MEDIA_TYPE_JWS | typeof MEDIA_TYPE_COSE;

export type SignatureFormat = 'JWS' | 'COSE';
export type SigningScheme = 'notary.x509' | 'notary.x509.signingAuthority';

/** Signature algorithms of notary.md B5, by their JWA names in both formats. */
export type SignatureAlgorithm = 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512';

/** Longer envelopes are refused unread (notary.md A6). */
export const MAX_ENVELOPE_BYTES = 32 * 1024 * 1024;
/** Of its payload, and of its protected header: what is signed names one artifact. Real ones have less than 4 KiB. */
export const MAX_SIGNED_PART_BYTES = 1024 * 1024;
/** Certificates that an envelope may carry: each is parsed. */
export const MAX_ENVELOPE_CERTIFICATES = 16;

export const PAYLOAD_TYPE = 'application/vnd.cncf.notary.payload.v1+json';

/**
 * A signature envelope, parsed and well formed, of either format. Nothing behind the parser reads raw headers again.
 * Parsed does not mean verified: see `verifySignature`.
 */
export interface Envelope {
  readonly format: SignatureFormat;
  readonly scheme: SigningScheme;
  /** As the protected header claims; must equal what the leaf's key gives (B5), which integrity checks. */
  readonly algorithm: string;
  /** signingTime of notary.x509: claimed, not trusted. */
  readonly signingTime?: Date;
  /** authenticSigningTime of notary.x509.signingAuthority. */
  readonly authenticSigningTime?: Date;
  readonly expiry?: Date;
  readonly verificationPlugin?: string;
  readonly verificationPluginMinVersion?: string;
  /** Critical attributes that the specification does not define, with their values: plugins must process each (B4). */
  readonly extendedCriticalAttributes: ReadonlyMap<string, unknown>;
  /** Other signed attributes that the specification does not define: nobody need process them; for people to see. */
  readonly extendedNonCriticalAttributes: ReadonlyMap<string, unknown>;
  /** DER, leaf first, root included. */
  readonly certificates: readonly X509Certificate[];
  /** RFC 3161 token over the signature, DER, unprotected. */
  readonly timestampToken?: Uint8Array;
  readonly signingAgent?: string;
  /** The artifact that was signed, from the payload; its annotations are the user metadata (B7). */
  readonly subject: Descriptor;
  /** The bytes that the signature covers, exactly as received. */
  readonly signedBytes: Uint8Array;
  /** ECDSA as raw r||s. */
  readonly signature: Uint8Array;
}

/** The seam for formats. `parse` reads the certificates as it is told to; it throws NotaryError MalformedEnvelope. */
export interface EnvelopeFormat {
  readonly mediaType: EnvelopeMediaType;
  readonly format: SignatureFormat;
  readonly parse: (bytes: Uint8Array, readCertificate: ReadCertificate) => Envelope;
}
