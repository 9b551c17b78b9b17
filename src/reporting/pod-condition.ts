import { POD_CONDITION } from '../api/group.ts';
import { BAD_VERDICTS, VERDICTS_WORST_FIRST } from '../api/verdict.ts';
import { cutMessage } from '../kubernetes/index.ts';
import type { PodImagesCondition } from '../workloads/index.ts';
import { containerSentence, type VerdictedContainer } from './verdict-text.ts';

export type PodConditionDecision =
  | { readonly kind: 'none' }
  | { readonly kind: 'set'; readonly condition: PodImagesCondition };

/**
 * What to write on a pod (design.md, "Running workloads" 1): False with the worst verdict while an image is bad; True
 * once that ends, and always on a pod that names the condition as a readiness gate; nothing on a healthy pod, and
 * nothing new while an image is still being verified.
 */
export function podCondition(
  containers: readonly VerdictedContainer[],
  options: { readonly readinessGate: boolean },
  now: Date,
  existing: PodImagesCondition | undefined,
): PodConditionDecision {
  // A pod that ended runs nothing: what was told of it stays, for nothing has become trusted.
  if (containers.length === 0) return { kind: 'none' };
  const bad = containers.filter(({ verdict }) => verdict !== undefined && BAD_VERDICTS.has(verdict.verdict));
  const pending = containers.some(({ verdict }) => verdict === undefined);
  if (bad.length === 0 && (pending || (existing === undefined && !options.readinessGate))) return { kind: 'none' };
  const state =
    bad.length === 0 ? { status: 'True', reason: 'AllTrusted', message: healthyMessage(containers) } : flagged(bad);
  if (existing?.status === state.status && existing.reason === state.reason && existing.message === state.message) {
    return { kind: 'none' };
  }
  const lastTransitionTime =
    existing?.status === state.status ? existing.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`;
  return { kind: 'set', condition: { type: POD_CONDITION, ...state, lastTransitionTime } };
}

function healthyMessage(containers: readonly VerdictedContainer[]): string {
  const covered = containers.flatMap(({ container, verdict }) =>
    verdict?.coveredBy === undefined ? [] : [`${container.name} (index ${verdict.coveredBy.digest})`],
  );
  const how = covered.length === 0 ? '' : `; by the signature of an index that lists the image: ${covered.join(', ')}`;
  return cutMessage(`every image is trusted or covered by no policy${how}`);
}

function flagged(bad: readonly VerdictedContainer[]): {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
} {
  const reason =
    VERDICTS_WORST_FIRST.find((candidate) => bad.some(({ verdict }) => verdict?.verdict === candidate)) ?? 'Unknown';
  const worstFirst = [...bad].sort((a, b) => rank(a) - rank(b));
  const message = worstFirst.map(containerSentence).join('; ');
  return {
    status: 'False',
    reason,
    message: cutMessage(message),
  };
}

function rank({ verdict }: VerdictedContainer): number {
  return VERDICTS_WORST_FIRST.indexOf(verdict?.verdict ?? 'Unknown');
}
