import { describe, expect, it } from 'vitest';
import { untilAborted } from '../../../src/transport/index.ts';

describe('untilAborted', () => {
  const reason = new Error('gave up');

  it('gives what the promise gives, and listens no more then', async () => {
    const controller = new AbortController();
    expect(await untilAborted(Promise.resolve(7), controller.signal)).toBe(7);
    await expect(untilAborted(Promise.reject(reason), controller.signal)).rejects.toBe(reason);
  });

  it('rejects with the reason as soon as it is aborted, and the promise may fail later unheard', async () => {
    const controller = new AbortController();
    const { promise, reject } = Promise.withResolvers<never>();
    const waiting = untilAborted(promise, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    reject(new Error('late'));
    // An unhandled rejection would end this process.
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('rejects where it was aborted before, although the promise is fulfilled', async () => {
    await expect(untilAborted(Promise.resolve(7), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
