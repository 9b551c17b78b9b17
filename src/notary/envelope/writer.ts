import type { KeyObject, X509Certificate } from 'node:crypto';
import type { SignatureAlgorithm } from './envelope.ts';

/** What an envelope is to say, checked, in the terms of both formats. */
export interface EnvelopeContent {
  readonly algorithm: SignatureAlgorithm;
  /** Signed attributes by name, but for the formats' own (alg, content type, crit); times as dates. */
  readonly attributes: ReadonlyMap<string, unknown>;
  /** Names of the critical ones. */
  readonly critical: readonly string[];
  readonly payload: Uint8Array;
  /** Leaf first, root included. */
  readonly certificates: readonly X509Certificate[];
  readonly signingAgent: string;
}

/**
 * Signs and writes an envelope of one format.
 * @param timestamp gets the raw signature bytes, gives the token to put beside them, or nothing
 */
export type EnvelopeWriter = (
  content: EnvelopeContent,
  key: KeyObject,
  timestamp: (signature: Uint8Array) => Promise<Uint8Array | undefined>,
) => Promise<Uint8Array>;
