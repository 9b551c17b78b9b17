import { createHash } from 'node:crypto';
import type { AlgorithmIdentifier } from '../certificates/parsed-certificate.ts';
import { quote } from '../quote.ts';
import { invalidTimestamp } from './error.ts';
import type { TimestampHash } from './timestamp.ts';

/** The hashes of timestamps, by OID; SHA-1 is not among them. */
const BY_OID: ReadonlyMap<string, TimestampHash> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

const NULL = 0x05;

export function oidOfHash(hash: TimestampHash): string {
  for (const [oid, name] of BY_OID) if (name === hash) return oid;
  throw new TypeError(`no OID for ${hash}`);
}

/**
 * The hash that an AlgorithmIdentifier names; its parameters are absent or NULL (RFC 5754 §2).
 * @throws NotaryError InvalidTimestamp
 */
export function hashOf({ oid, parameters }: AlgorithmIdentifier, what: string): TimestampHash {
  const hash = BY_OID.get(oid);
  if (hash === undefined) throw invalidTimestamp(`${what}: expected SHA-256, SHA-384 or SHA-512, found ${quote(oid)}`);
  if (parameters !== undefined && (parameters.tag !== NULL || parameters.content.length > 0)) {
    throw invalidTimestamp(`${what}: expected no parameters`);
  }
  return hash;
}

export function digestOf(hash: TimestampHash, bytes: Uint8Array): Buffer {
  return createHash(hash).update(bytes).digest();
}

/** Whether two byte strings are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
