import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs something costly at most once an interval, however often it is asked for: who asks sooner waits, and shares the
 * answer with all that wait. Nobody gets an answer from before it asked.
 */
export function paced<T>(intervalMs: number, run: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined;
  let lastAt = Number.NEGATIVE_INFINITY;
  const start = async (): Promise<T> => {
    const waitMs = lastAt + intervalMs - performance.now();
    // Awaits in any case, so that `next` is set before it is cleared; a server that closes is not held up by the timer.
    await (waitMs > 0 ? delay(waitMs, undefined, { ref: false }) : undefined);
    lastAt = performance.now();
    next = undefined;
    return run();
  };
  return () => {
    next ??= start();
    return next;
  };
}
