import { hash, type X509Certificate } from 'node:crypto';
import { type IsSignedBy, isSignedBy } from './certificates/issuance.ts';
import { parseCertificateDer, type ReadCertificate } from './certificates/pem.ts';
import { LruMap } from './lru-map.ts';

/**
 * What follows from bytes alone, kept so that it need not be found out twice: a certificate read, one certificate
 * signed by the key of another, an envelope that is whole. No policy, store, identity or moment is in it: those are
 * judged each time. Keys are SHA-256 of the bytes themselves, never what something was fetched by; only what holds is
 * kept, so that no passing fault stays.
 */
export interface VerificationCache {
  /** As `parseCertificateDer`: the same object for the same bytes. */
  readonly readCertificate: ReadCertificate;
  /** As `isSignedBy`: the signature is checked once for two certificates. */
  readonly isSignedBy: IsSignedBy;
  /**
   * Whether the integrity of the envelope of these bytes holds, which is checked at most once for the same bytes.
   * @param check the check itself: what it finds wrong, or undefined. Must depend on bytes and media type alone.
   */
  readonly integrityOf: <F>(bytes: Uint8Array, mediaType: string, check: () => F | undefined) => F | undefined;
}

/** How many entries a cache holds at most. An attacker who fills it costs others time, and no memory beyond this. */
export interface VerificationCacheLimits {
  /** About 6 KiB each. Default 512. */
  readonly maxCertificates?: number;
  /** About 200 bytes each. Default 4,096. */
  readonly maxLinks?: number;
  /** About 100 bytes each. Default 16,384. */
  readonly maxEnvelopes?: number;
}

/** Real certificates have at most a few KiB; larger ones are read each time, so that the count bounds the memory. */
const MAX_KEPT_CERTIFICATE_BYTES = 4 * 1024;

/** Nothing is kept. */
export const NO_CACHE: VerificationCache = {
  readCertificate: parseCertificateDer,
  isSignedBy,
  integrityOf: (_bytes, _mediaType, check) => check(),
};

/** A cache in memory, empty, for as long as whoever holds it. */
export function createVerificationCache(limits: VerificationCacheLimits = {}): VerificationCache {
  const certificates = new LruMap<X509Certificate>(limits.maxCertificates ?? 512);
  const links = new LruMap<true>(limits.maxLinks ?? 4_096);
  const envelopes = new LruMap<true>(limits.maxEnvelopes ?? 16_384);
  /** Of the certificates that are in use. */
  const digests = new WeakMap<X509Certificate, string>();
  const digestOf = (certificate: X509Certificate): string => {
    const known = digests.get(certificate);
    if (known !== undefined) return known;
    const digest = sha256(certificate.raw);
    digests.set(certificate, digest);
    return digest;
  };
  return {
    readCertificate: (der, what) => {
      if (der.length > MAX_KEPT_CERTIFICATE_BYTES) return parseCertificateDer(der, what);
      const digest = sha256(der);
      const known = certificates.get(digest);
      if (known !== undefined) return known;
      const certificate = parseCertificateDer(der, what);
      digests.set(certificate, digest);
      certificates.set(digest, certificate);
      return certificate;
    },
    isSignedBy: (certificate, issuer) => {
      const link = `${digestOf(certificate)}${digestOf(issuer)}`;
      if (links.get(link) === true) return true;
      const holds = isSignedBy(certificate, issuer);
      if (holds) links.set(link, true);
      return holds;
    },
    integrityOf: (bytes, mediaType, check) => {
      const envelope = `${sha256(bytes)}${mediaType}`;
      if (envelopes.get(envelope) === true) return undefined;
      const failure = check();
      if (failure === undefined) envelopes.set(envelope, true);
      return failure;
    },
  };
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64');
}
