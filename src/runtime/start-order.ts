import type { KubernetesObject } from '../api/object.ts';
import type { Reflector, ReflectorPhase } from '../kubernetes/index.ts';

/** A watch that is refused or not served for this long holds up the others no more. */
const SETTLE_MS = 10_000;

/** Waits for the first complete list of each, or until it has said for a while that it cannot list. */
export async function settled(
  reflectors: readonly Reflector<never>[] | readonly Pick<Reflector<KubernetesObject>, 'hasSynced' | 'state'>[],
  signal: AbortSignal,
): Promise<void> {
  await until(
    () =>
      signal.aborted ||
      reflectors.every(
        ({ hasSynced, state }) =>
          hasSynced || (isImpaired(state.phase) && Date.now() - state.since.getTime() > SETTLE_MS),
      ),
  );
}

function isImpaired(phase: ReflectorPhase): boolean {
  return phase === 'Degraded' || phase === 'Waiting';
}

/** Resolves once it holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}
