import {
  type ChainRevocationChecker,
  createChainRevocationChecker,
  createRevocationChecker,
  createTimestampVerifier,
  type Fetch,
  FetchError,
  type RevocationChecker,
  type TimestampVerifier,
} from '../../src/notary/index.ts';

/** A network on which nobody answers. */
export const nobodyAnswers: Fetch = async ({ url }) => {
  throw new FetchError('Unreachable', `${new URL(url).host}: there is no network here`);
};

/** The same for a chain (notary.md H). */
export function checkChainRevocationOffline(): ChainRevocationChecker {
  return createChainRevocationChecker({ fetch: nobodyAnswers, refreshMs: 60 * 60_000 });
}

/** The real check of revocation without a network: chains that name no source pass, others are Unknown (notary.md H1). */
export function checkRevocationOffline(): RevocationChecker {
  return createRevocationChecker(checkChainRevocationOffline());
}

/** The real verification of timestamps, of authorities that name no source for their revocation (notary.md I). */
export function verifyTimestampOffline(): TimestampVerifier {
  return createTimestampVerifier({ checkChainRevocation: checkChainRevocationOffline() });
}
