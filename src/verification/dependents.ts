import { isDeepStrictEqual } from 'node:util';
import type { PolicySet } from './policy-set.ts';

/** Whether the verdicts on the images of a repository (`registry/repository`) may be others now. */
export type IsAffected = (repository: string) => boolean;

/** Repositories for which something else applies than before: their statement changed, came, went, or lost its scope. */
export function affectedByPolicies(before: PolicySet, now: PolicySet): IsAffected {
  return memoized((repository) => !isDeepStrictEqual(whatJudges(before, repository), whatJudges(now, repository)));
}

/** What applies, but for the scopes: that others come under the same statement changes nothing for this one. */
function whatJudges(policies: PolicySet, repository: string): unknown {
  const selected = policies.select(repository);
  return selected?.kind === 'statement'
    ? { ...selected, statement: { ...selected.statement, registryScopes: [] } }
    : selected;
}

/**
 * Repositories whose statement names one of the trust stores.
 * @param stores `type:name`
 */
export function affectedByStores(policies: PolicySet, stores: ReadonlySet<string>): IsAffected {
  return memoized((repository) => {
    const selected = policies.select(repository);
    if (selected?.kind !== 'statement') return false;
    return selected.statement.trustStores.some(({ type, name }) => stores.has(`${type}:${name}`));
  });
}

/** Many images are of one repository. */
function memoized(isAffected: IsAffected): IsAffected {
  const known = new Map<string, boolean>();
  return (repository) => {
    const found = known.get(repository) ?? isAffected(repository);
    known.set(repository, found);
    return found;
  };
}
