import {
  createChainRevocationChecker,
  createRevocationChecker,
  type Fetch,
  FetchError,
  type RevocationChecker,
} from '../../src/notary/index.ts';

/** A network on which nobody answers. */
export const nobodyAnswers: Fetch = async ({ url }) => {
  throw new FetchError('Unreachable', `${new URL(url).host}: there is no network here`);
};

/** The real check of revocation without a network: chains that name no source pass, others are Unknown (notary.md H1). */
export function checkRevocationOffline(): RevocationChecker {
  return createRevocationChecker(createChainRevocationChecker({ fetch: nobodyAnswers, refreshMs: 60 * 60_000 }));
}
