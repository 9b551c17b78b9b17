import type { TrustPolicy } from '../api/trust-policy.ts';
import { NotaryError, parseTrustPolicyDocument, type Statement } from '../notary/index.ts';

/** A statement in force, and the TrustPolicy that it comes from. */
export interface PolicyStatement {
  /** metadata.name of the TrustPolicy. */
  readonly policy: string;
  readonly statement: Statement;
  /** `policy/statement`: how a status names it. */
  readonly name: string;
}

/** A scope that an older TrustPolicy already claims. */
export interface ScopeConflict {
  readonly scope: string;
  readonly statement: string;
  readonly claimedBy: string;
}

/** What became of one TrustPolicy. */
export interface PolicyState {
  readonly statements: readonly Statement[];
  /** Why the whole object is not in force: a sentence. */
  readonly invalid?: string;
  readonly conflicts: readonly ScopeConflict[];
  /** Scopes of other, younger objects that lose against this one. */
  readonly wins: readonly ScopeConflict[];
}

/** The statements of all TrustPolicies as one document: an exact scope beats `*` (design.md, notary.md F2). */
export interface PolicySet {
  /** The statement that applies to `registry/repository`, or undefined when none does. */
  readonly select: (repository: string) => PolicyStatement | undefined;
  readonly states: ReadonlyMap<string, PolicyState>;
}

type PolicyInput = Pick<TrustPolicy, 'spec'> & {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
};

/**
 * Joins TrustPolicies into one document. Where two claim one scope the older object wins, and both states say so;
 * one bad policy never disables another (faults.md 48).
 */
export function createPolicySet(policies: Iterable<PolicyInput>): PolicySet {
  const oldestFirst = [...policies].sort(
    (a, b) =>
      Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
  const byScope = new Map<string, PolicyStatement>();
  const states = new Map<string, PolicyState & { conflicts: ScopeConflict[]; wins: ScopeConflict[] }>();

  for (const policy of oldestFirst) {
    const name = policy.metadata.name;
    const conflicts: ScopeConflict[] = [];
    const parsed = parse(policy);
    if ('invalid' in parsed) {
      states.set(name, { statements: [], invalid: parsed.invalid, conflicts, wins: [] });
      continue;
    }
    for (const statement of parsed.statements) {
      for (const scope of statement.registryScopes) {
        const holder = byScope.get(scope);
        if (holder === undefined) {
          byScope.set(scope, { policy: name, statement, name: `${name}/${statement.name}` });
          continue;
        }
        const conflict = { scope, statement: statement.name, claimedBy: holder.policy };
        conflicts.push(conflict);
        states.get(holder.policy)?.wins.push({ ...conflict, claimedBy: name });
      }
    }
    states.set(name, { statements: parsed.statements, conflicts, wins: [] });
  }
  return { select: (repository) => byScope.get(repository) ?? byScope.get('*'), states };
}

function parse(policy: PolicyInput): { readonly statements: readonly Statement[] } | { readonly invalid: string } {
  try {
    return { statements: parseTrustPolicyDocument(policy.spec) };
  } catch (error) {
    if (error instanceof NotaryError) return { invalid: error.message };
    throw error;
  }
}
