import type { TrustPolicy } from '../api/trust-policy.ts';
import { canonicalScope, NotaryError, parseTrustPolicyDocument, type Statement } from '../notary/index.ts';

/** A statement in force, and the TrustPolicy that it comes from. */
export interface PolicyStatement {
  readonly kind: 'statement';
  /** metadata.name of the TrustPolicy. */
  readonly policy: string;
  readonly statement: Statement;
  /** `policy/statement`: how a status names it. */
  readonly name: string;
}

/** A scope of a TrustPolicy that is invalid and never was valid: nobody knows how strictly it was meant. */
export interface InvalidClaim {
  readonly kind: 'invalid';
  readonly policy: string;
  /** `policy/statement`. */
  readonly name: string;
  /** What is wrong with the TrustPolicy: a sentence. */
  readonly message: string;
}

/** A scope that an older TrustPolicy already claims. */
export interface ScopeConflict {
  readonly scope: string;
  readonly statement: string;
  readonly claimedBy: string;
}

/** What became of one TrustPolicy. */
export interface PolicyState {
  /** Those in force: of the spec, or of the last valid one while the spec is invalid. */
  readonly statements: readonly Statement[];
  /** What the statements in force are of; absent: none is. */
  readonly valid?: { readonly uid: string | undefined; readonly generation: number };
  /** What is wrong with the spec: a sentence. */
  readonly invalid?: string;
  readonly conflicts: readonly ScopeConflict[];
  /** Scopes of other, younger objects that lose against this one. */
  readonly wins: readonly ScopeConflict[];
}

/** The statements of all TrustPolicies as one document: an exact scope beats `*` (design.md, notary.md F2). */
export interface PolicySet {
  /** What applies to `registry/repository`, or undefined when nothing does. */
  readonly select: (repository: string) => PolicyStatement | InvalidClaim | undefined;
  readonly states: ReadonlyMap<string, PolicyState>;
}

type PolicyInput = Pick<TrustPolicy, 'spec'> & {
  readonly metadata: Pick<TrustPolicy['metadata'], 'name' | 'creationTimestamp'> &
    Partial<Pick<TrustPolicy['metadata'], 'uid' | 'generation'>>;
};

/**
 * Joins TrustPolicies into one document. Where two claim one scope the older object wins, and both states say so;
 * one bad policy never disables another (faults.md 48). One that was edited into something invalid keeps its last valid
 * statements, so that a slip of the pen does not end the watch. Where none is known, after a restart, its images are
 * Unknown as far as its scopes can be read: a statement with `*` of another policy may be laxer than what was meant.
 * @param before the set until now, whose valid statements are kept
 */
export function createPolicySet(policies: Iterable<PolicyInput>, before?: PolicySet): PolicySet {
  const oldestFirst = [...policies].sort(
    (a, b) =>
      Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
  const byScope = new Map<string, PolicyStatement>();
  const claims = new Map<string, InvalidClaim>();
  const states = new Map<string, PolicyState & { conflicts: ScopeConflict[]; wins: ScopeConflict[] }>();

  for (const policy of oldestFirst) {
    const { name } = policy.metadata;
    const conflicts: ScopeConflict[] = [];
    const read = readPolicy(policy, before?.states.get(name));
    for (const statement of read.statements) {
      for (const scope of statement.registryScopes) {
        const holder = byScope.get(scope);
        if (holder === undefined) {
          byScope.set(scope, { kind: 'statement', policy: name, statement, name: `${name}/${statement.name}` });
          continue;
        }
        const conflict = { scope, statement: statement.name, claimedBy: holder.policy };
        conflicts.push(conflict);
        states.get(holder.policy)?.wins.push({ ...conflict, claimedBy: name });
      }
    }
    if (read.invalid !== undefined && read.valid === undefined) {
      for (const { scope, statement } of readableScopes(policy.spec)) {
        if (claims.has(scope)) continue;
        claims.set(scope, { kind: 'invalid', policy: name, name: `${name}/${statement}`, message: read.invalid });
      }
    }
    states.set(name, { ...read, conflicts, wins: [] });
  }
  const spelt = { byScope: canonically(byScope), claims: canonically(claims) };
  return {
    select: (repository) => {
      const canonical = canonicalScope(repository);
      return (
        byScope.get(repository) ??
        spelt.byScope.get(canonical) ??
        claims.get(repository) ??
        spelt.claims.get(canonical) ??
        byScope.get('*') ??
        claims.get('*')
      );
    },
    states,
  };
}

/** By the one spelling of each scope; of several the first, which is the oldest object's. */
function canonically<T>(byScope: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...byScope].reverse().map(([scope, value]) => [canonicalScope(scope), value]));
}

function readPolicy(
  { metadata, spec }: PolicyInput,
  before: PolicyState | undefined,
): Pick<PolicyState, 'statements' | 'valid' | 'invalid'> {
  const { uid, generation = 0 } = metadata;
  try {
    return { statements: parseTrustPolicyDocument(spec), valid: { uid, generation } };
  } catch (error) {
    if (!(error instanceof NotaryError)) throw error;
    // Another object of the same name is not what was valid before.
    const kept = before?.valid?.uid === uid ? before : undefined;
    return {
      statements: kept?.statements ?? [],
      ...(kept?.valid === undefined ? {} : { valid: kept.valid }),
      invalid: error.message,
    };
  }
}

/** The scopes of a document that is invalid, where they can be read: whatever else is wrong with it. */
function readableScopes(spec: unknown): readonly { readonly scope: string; readonly statement: string }[] {
  return listOf(spec, 'trustPolicies').flatMap((statement) => {
    const name = fieldOf(statement, 'name');
    return listOf(statement, 'registryScopes').flatMap((scope) =>
      typeof scope === 'string' ? [{ scope, statement: typeof name === 'string' ? name : '' }] : [],
    );
  });
}

function listOf(value: unknown, field: string): readonly unknown[] {
  const list = fieldOf(value, field);
  return Array.isArray(list) ? list : [];
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[field] : undefined;
}
