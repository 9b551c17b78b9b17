import { createHash } from 'node:crypto';
import type { ChainRevocationChecker, TimestampResult } from '../../src/notary/index.ts';
import { createTimestampVerifier } from '../../src/notary/index.ts';
import { createTsaChain, forgeTimestamp, type TimestampOptions } from './forge-timestamp.ts';
import type { Chain, ChainOptions } from './pki.ts';

/** The clock of the tests of timestamps; the token is a day old. */
export const NOW = new Date('2026-06-15T12:00:00Z');
export const DAY_MS = 24 * 60 * 60_000;
export const GEN_TIME = new Date(NOW.getTime() - DAY_MS);

/** Years around NOW. */
export const TSA_VALIDITY: ChainOptions = {
  notBefore: new Date('2025-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
  caNotBefore: new Date('2020-01-01T00:00:00Z'),
  caNotAfter: new Date('2030-01-01T00:00:00Z'),
};

/** The authority of most tests: three certificates on P-256. */
export const tsa: Chain = await createTsaChain(TSA_VALIDITY);

/** The bytes that are stamped: a raw signature. */
export const SIGNATURE = createHash('sha512').update('a signature').digest();

export const good: ChainRevocationChecker = async () => ({ status: 'good', reason: 'nothing is revoked' });

/** A token over SIGNATURE at GEN_TIME, with the changes given. */
export function tokenOf(changes: Partial<TimestampOptions> = {}): Buffer {
  return forgeTimestamp({
    tsa,
    imprint: { hash: 'sha256', digest: createHash('sha256').update(SIGNATURE).digest() },
    genTime: GEN_TIME,
    ...changes,
  });
}

interface VerifyChanges {
  readonly signature?: Uint8Array;
  readonly roots?: Chain['certificates'];
  readonly now?: Date;
  readonly checkChainRevocation?: ChainRevocationChecker;
}

/** Verifies a token over SIGNATURE against the root of `tsa`, with the changes given. */
export function verifyToken(token: Uint8Array, changes: VerifyChanges = {}): Promise<TimestampResult> {
  const { signature = SIGNATURE, roots = tsa.certificates.slice(-1), now = NOW, checkChainRevocation = good } = changes;
  const verifier = createTimestampVerifier({ checkChainRevocation });
  return verifier({ timestampToken: token, signature }, roots, { now, signal: AbortSignal.timeout(10_000) });
}
