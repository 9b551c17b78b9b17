import type { TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** How long it took to recover from the fault, milliseconds. */
    recoveryMs?: number;
  }
}

/**
 * Reports how long a recovery took, for the table of `./hack/test faults`; of several in one test the longest counts.
 * @param since when the fault ended, or began where it never ends, by performance.now()
 */
export function recovered({ task }: TestContext, since: number): number {
  const tookMs = performance.now() - since;
  task.meta.recoveryMs = Math.max(tookMs, task.meta.recoveryMs ?? 0);
  return tookMs;
}
