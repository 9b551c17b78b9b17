import type { KubernetesObject } from '../api/object.ts';
import type { Reflector, ReflectorPhase } from '../kubernetes/index.ts';
import type { VerdictStore } from '../verification/index.ts';
import type { WorkloadIndex } from '../workloads/index.ts';

/** A watch that is refused or not served for this long holds up the others no more. */
const SETTLE_MS = 10_000;

/** Waits for the first complete list of each, or until it has said for a while that it cannot list. */
export async function settled(
  reflectors: readonly Reflector<never>[] | readonly Pick<Reflector<KubernetesObject>, 'hasSynced' | 'state'>[],
  signal: AbortSignal,
): Promise<void> {
  await until(() => signal.aborted || reflectors.every(isSettled));
}

/** Whether it has listed once, or has said for a while that it cannot. */
export function isSettled({ hasSynced, state }: Pick<Reflector<KubernetesObject>, 'hasSynced' | 'state'>): boolean {
  return hasSynced || (isImpaired(state.phase) && Date.now() - state.since.getTime() > SETTLE_MS);
}

function isImpaired(phase: ReflectorPhase): boolean {
  return phase === 'Degraded' || phase === 'Waiting';
}

/** A registry that throttles may keep images without a verdict this long (faults.md 22); counts wait no longer. */
const FIRST_PASS_MS = 5 * 60_000;

/** Whether every running image had a verdict once since the start, or the time for that is over. */
export function firstPass(
  pods: readonly Pick<Reflector<KubernetesObject>, 'hasSynced'>[],
  workloads: WorkloadIndex,
  verdicts: VerdictStore,
): () => boolean {
  const begun = performance.now();
  let isOver = false;
  return () => {
    const isListed = pods.every(({ hasSynced }) => hasSynced);
    isOver ||= performance.now() - begun > FIRST_PASS_MS || (isListed && hasAll(workloads, verdicts));
    return isOver;
  };
}

function hasAll(workloads: WorkloadIndex, verdicts: VerdictStore): boolean {
  for (const key of workloads.images()) if (verdicts.get(key) === undefined) return false;
  return true;
}

/** Resolves once it holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}
