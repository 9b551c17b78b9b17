import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long verifications follow each other before the event loop has its turn, milliseconds. */
const MAX_RUN_MS = 10;

/**
 * Gives the event loop its turn between pieces of work that wait for nothing: 1,000 images that are judged anew from
 * what is kept would hold up watches, probes and the lease for as long as they all take.
 * @param now milliseconds, monotonic
 * @returns to be awaited before each piece: it waits for a turn of the loop once the pieces since the last took 10 ms
 */
export function createLoopTurns(now: () => number = () => performance.now()): () => Promise<void> {
  let began: number | undefined;
  return async () => {
    while (began !== undefined && now() - began >= MAX_RUN_MS) await nextTurn();
    if (began !== undefined) return;
    began = now();
    setImmediate(() => {
      began = undefined;
    });
  };
}
