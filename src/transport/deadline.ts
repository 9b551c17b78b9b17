/** The reason of a signal whose time is up. */
export class DeadlineError extends Error {
  readonly timeoutMs: number;
  constructor(timeoutMs: number) {
    super(`not done within ${timeoutMs / 1000} s`);
    this.name = 'DeadlineError';
    this.timeoutMs = timeoutMs;
  }
}

/** What bounds the time of something under way. */
export interface Deadline {
  /** Aborts with DeadlineError when the time is up, or as the parent does. */
  readonly signal: AbortSignal;
  /** Milliseconds left. */
  readonly remainingMs: () => number;
}

/**
 * Runs something that must end within a time, by the monotonic clock. Nothing stays behind on the parent signal, which
 * may live as long as the process.
 * @param timeoutMs milliseconds
 * @returns what `run` gives, or its rejection
 */
export async function withDeadline<T>(
  timeoutMs: number,
  parent: AbortSignal,
  run: (deadline: Deadline) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  if (parent.aborted) controller.abort(parent.reason);
  const endsAt = performance.now() + timeoutMs;
  const onParentAbort = (): void => controller.abort(parent.reason);
  parent.addEventListener('abort', onParentAbort, { once: true });
  const timer = setTimeout(() => controller.abort(new DeadlineError(timeoutMs)), timeoutMs);
  try {
    return await run({ signal: controller.signal, remainingMs: () => endsAt - performance.now() });
  } finally {
    clearTimeout(timer);
    parent.removeEventListener('abort', onParentAbort);
  }
}
