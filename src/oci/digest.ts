import { createHash } from 'node:crypto';
import { OciError } from './error.ts';
import { isDigest } from './reference.ts';

/** The sha256 digest of content. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * Checks content against the digest and size that name it (notary.md A6).
 * @throws OciError DigestMismatch; InvalidReference when the digest is of no known algorithm
 */
export function checkContent(
  bytes: Uint8Array,
  expected: { readonly digest: string; readonly size?: number },
  what: string,
): void {
  if (expected.size !== undefined && bytes.byteLength !== expected.size) {
    throw new OciError('DigestMismatch', `${what}: expected ${expected.size} bytes, found ${bytes.byteLength}`);
  }
  // A digest that came from elsewhere than a parsed reference must not choose a weak hash.
  if (!isDigest(expected.digest))
    throw new OciError('InvalidReference', `${what}: expected a sha256, sha384 or sha512 digest`);
  const colon = expected.digest.indexOf(':');
  const algorithm = expected.digest.slice(0, colon);
  const found = createHash(algorithm).update(bytes).digest('hex');
  if (found !== expected.digest.slice(colon + 1)) {
    throw new OciError(
      'DigestMismatch',
      `${what}: expected ${expected.digest}, found content of ${algorithm}:${found}`,
    );
  }
}
