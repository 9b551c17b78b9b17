import type { Condition, ConditionReason } from '../api/conditions.ts';
import { CONDITIONS } from '../api/conditions.ts';
import { TRUST_POLICIES } from '../api/group.ts';
import type { ImageVerdict } from '../api/image-verdict.ts';
import type { ObjectKey } from '../api/object.ts';
import type { TrustPolicy, TrustPolicyStatus, VerdictCounts } from '../api/trust-policy.ts';
import { VERDICTS_WORST_FIRST, type VerdictType } from '../api/verdict.ts';
import { removeCondition, setCondition } from '../kubernetes/index.ts';
import type { ImageKey, PolicySet, PolicyState, TrustStoreSet, VerdictStore } from '../verification/index.ts';
import type { ControllerContext, ReconcileResult } from './context.ts';
import { writeAndTell } from './ready-event.ts';
import { count } from './wording.ts';

export interface TrustPolicyControllerOptions {
  readonly context: ControllerContext;
  readonly policies: ReadonlyMap<ObjectKey, TrustPolicy>;
  readonly policySet: () => PolicySet;
  readonly trustStores: TrustStoreSet;
  readonly verdicts: VerdictStore;
  /** The images that each pod runs. */
  readonly imagesByPod: () => Iterable<readonly ImageKey[]>;
  /** False until the trust stores were all read once: before that no store is reported missing. */
  readonly storesLoaded: () => boolean;
  /** False after a start until what runs was judged once: before that the counts of before stay in the status. */
  readonly countsComplete: () => boolean;
}

/** Counts that waited for the verdicts are looked at again this soon. */
const COUNT_AGAIN_MS = 1_000;

/** Says of each TrustPolicy whether it is in force, and counts what runs under it (design.md, "TrustPolicy"). */
export class TrustPolicyController {
  readonly #options: TrustPolicyControllerOptions;

  constructor(options: TrustPolicyControllerOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const object = this.#options.policies.get(key);
    const state = this.#options.policySet().states.get(key);
    if (object === undefined || state === undefined) return {};
    const isComplete = this.#options.countsComplete();
    await writeAndTell(this.#options.context, TRUST_POLICIES, object, this.#status(object, state, isComplete));
    return isComplete ? {} : { requeueAfterMs: COUNT_AGAIN_MS };
  }

  #status(object: TrustPolicy, state: PolicyState, isComplete: boolean): TrustPolicyStatus {
    const { name } = object.metadata;
    const before = isComplete ? undefined : object.status;
    return {
      observedGeneration: object.metadata.generation ?? 0,
      statementCount: object.spec.trustPolicies.length,
      images: before?.images ?? countVerdicts(this.#imagesUnder(name)),
      pods: before?.pods ?? countVerdicts(this.#podsUnder(name)),
      conditions: this.#conditions(object, state),
    };
  }

  *#imagesUnder(policy: string): Iterable<VerdictType> {
    for (const [, verdict] of this.#options.verdicts.entries()) if (isUnder(policy, verdict)) yield verdict.verdict;
  }

  *#podsUnder(policy: string): Iterable<VerdictType> {
    for (const images of this.#options.imagesByPod()) {
      const verdicts = images.flatMap((image) => {
        const verdict = this.#options.verdicts.get(image);
        return verdict !== undefined && isUnder(policy, verdict) ? [verdict.verdict] : [];
      });
      const worst = VERDICTS_WORST_FIRST.find((verdict) => verdicts.includes(verdict));
      if (worst !== undefined) yield worst;
    }
  }

  #conditions(object: TrustPolicy, state: PolicyState): readonly Condition[] {
    const now = this.#options.context.clock();
    const observedGeneration = object.metadata.generation ?? 0;
    let conditions = setCondition(
      object.status?.conditions ?? [],
      { type: CONDITIONS.ready, ...this.#ready(state), observedGeneration },
      now,
    );
    const conflicted = conflictOf(state);
    conditions =
      conflicted === undefined
        ? removeCondition(conditions, CONDITIONS.conflicted)
        : setCondition(conditions, { type: CONDITIONS.conflicted, ...conflicted, observedGeneration }, now);
    return conditions;
  }

  #ready(state: PolicyState): {
    readonly status: 'True' | 'False';
    readonly reason: ConditionReason;
    readonly message: string;
  } {
    if (state.invalid !== undefined) {
      const kept =
        state.valid === undefined
          ? 'no valid version is known, and images in its scopes are Unknown'
          : `the last valid version (generation ${state.valid.generation}) stays in force`;
      return { status: 'False', reason: 'InvalidPolicy', message: `spec is invalid: ${state.invalid}; ${kept}` };
    }
    const missing = this.#options.storesLoaded() ? this.#missingStores(state) : [];
    if (missing.length > 0) {
      return {
        status: 'False',
        reason: 'TrustStoreNotFound',
        message: `${missing.join('; ')}: create the TrustStore, or correct the name`,
      };
    }
    const lost = state.conflicts.length;
    return lost === 0
      ? { status: 'True', reason: 'PolicyInForce', message: `${count(state.statements.length, 'statement')} in force` }
      : { status: 'False', reason: 'ScopeConflict', message: conflictMessage(state) };
  }

  #missingStores(state: PolicyState): string[] {
    return state.statements.flatMap((statement) =>
      statement.trustStores
        .filter((store) => this.#options.trustStores.find(store.type, store.name) === undefined)
        .map(
          (store) =>
            `statement ${statement.name} names the trust store ${store.type}:${store.name}, which is not in force`,
        ),
    );
  }
}

function isUnder(policy: string, verdict: ImageVerdict): boolean {
  return verdict.statement?.startsWith(`${policy}/`) === true;
}

function conflictOf(
  state: PolicyState,
): { readonly status: 'True'; readonly reason: ConditionReason; readonly message: string } | undefined {
  if (state.conflicts.length > 0) return { status: 'True', reason: 'ScopeConflict', message: conflictMessage(state) };
  if (state.wins.length === 0) return undefined;
  const names = state.wins.map((win) => `${win.scope} (also claimed by the younger TrustPolicy ${win.claimedBy})`);
  return {
    status: 'True',
    reason: 'ScopeConflict',
    message: `this object is older and in force for ${names.join(', ')}`,
  };
}

function conflictMessage(state: PolicyState): string {
  const names = state.conflicts.map(
    (conflict) =>
      `${conflict.scope} of statement ${conflict.statement} (claimed by the older TrustPolicy ${conflict.claimedBy})`,
  );
  return `not in force for the scope ${names.join(', ')}: remove the scope from one of the two`;
}

function countVerdicts(verdicts: Iterable<VerdictType>): VerdictCounts {
  const counts = { total: 0, trusted: 0, revoked: 0, expired: 0, untrusted: 0, unsigned: 0, unknown: 0 };
  for (const verdict of verdicts) {
    counts.total += 1;
    switch (verdict) {
      case 'Trusted':
        counts.trusted += 1;
        break;
      case 'Revoked':
        counts.revoked += 1;
        break;
      case 'Expired':
        counts.expired += 1;
        break;
      case 'Untrusted':
        counts.untrusted += 1;
        break;
      case 'Unsigned':
        counts.unsigned += 1;
        break;
      case 'Unknown':
        counts.unknown += 1;
        break;
      case 'Uncovered':
        break;
    }
  }
  return counts;
}
