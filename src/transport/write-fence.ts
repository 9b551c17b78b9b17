import type { Readable } from 'node:stream';

/**
 * This replica may not write now: it does not lead, or its lease may have ended meanwhile. No fault, and nothing to
 * tell of an object: whoever leads does the work.
 */
export class NotLeaderError extends Error {
  constructor() {
    super('this replica does not lead: nothing is written');
    this.name = 'NotLeaderError';
  }
}

/** Leave for one write, in the term of leadership in which it was asked for. */
export interface WritePass {
  /** Aborts with NotLeaderError when that term ends: what is under way then must end. */
  readonly signal: AbortSignal;
  /** Asked right before bytes leave. @throws NotLeaderError once that term may have ended, by the clock itself */
  readonly check: () => void;
}

/** What every write to the outside asks: objects of the cluster, content of registries, signing jobs (faults.md 17, 18). */
export interface WriteFence {
  /** @throws NotLeaderError */
  readonly enter: () => WritePass;
}

const OPEN: WritePass = { signal: new AbortController().signal, check: () => {} };

/** Where nobody else could write: one process alone, a command. */
export const ALWAYS_OPEN: WriteFence = { enter: () => OPEN };

/** What surely fits into the kernel's buffer of an idle connection: a larger piece could wait in ours, past the check. */
const CHUNK_BYTES = 16 * 1024;

/**
 * A body that asks the fence when its bytes are about to leave. A request may wait for its connection for a long time
 * after it was sent off, and the process may be stopped meanwhile (SIGSTOP, a frozen machine) and wake when the lease
 * is another's: undici writes headers and body in the turn of the loop in which it takes the first piece, and so the
 * check and the write are one step. Content-Length must be given as a header.
 */
export function fencedBody(body: Uint8Array, pass: WritePass): Readable {
  // undici takes any async iterable, and asks this one for nothing ahead of time as a stream would; its types lag behind.
  return checkedPieces(body, pass) as unknown as Readable;
}

async function* checkedPieces(body: Uint8Array, pass: WritePass): AsyncGenerator<Uint8Array> {
  pass.check();
  for (let at = 0; at < body.byteLength; at += CHUNK_BYTES) {
    pass.check();
    yield body.subarray(at, at + CHUNK_BYTES);
  }
}

/**
 * Runs a write within the term of leadership in which it is asked for. When that term ends meanwhile the write is
 * aborted, and fails with NotLeaderError however it came to fail: the end of a term is no fault of a server.
 * @param run is given a signal that aborts with the caller's or with the end of the term
 * @throws NotLeaderError; what `run` rejects with
 */
export async function throughFence<T>(
  fence: WriteFence,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal, pass: WritePass) => Promise<T>,
): Promise<T> {
  const pass = fence.enter();
  const controller = new AbortController();
  const follow = (other: AbortSignal): (() => void) => {
    const onAbort = (): void => controller.abort(other.reason);
    if (other.aborted) onAbort();
    other.addEventListener('abort', onAbort, { once: true });
    return () => other.removeEventListener('abort', onAbort);
  };
  // Not AbortSignal.any: on signals that live for hours it would keep a dependant of every write.
  const unfollow = [pass.signal, ...(signal === undefined ? [] : [signal])].map(follow);
  try {
    return await run(controller.signal, pass);
  } catch (error) {
    pass.check();
    throw error;
  } finally {
    for (const each of unfollow) each();
  }
}
