import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HostBusyError, HostLimiter } from '../../../src/transport/index.ts';

const LONG_MS = 3_600_000;
const never = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Enters, and tells when. */
function enter(limiter: HostLimiter, host: string, started: string[], remainingMs = LONG_MS): Promise<() => void> {
  return limiter.enter(host, remainingMs, never).then((leave) => {
    started.push(`${host} ${Math.round(performance.now())}`);
    return leave;
  });
}

it('lets so many requests to one host run at once, the others in their order, and other hosts beside', async () => {
  const limiter = new HostLimiter({ concurrency: 2 });
  const started: string[] = [];
  const [first, , third] = ['a', 'a', 'a'].map((host) => enter(limiter, host, started));
  await enter(limiter, 'b', started);
  expect(started.map((each) => each[0])).toEqual(['a', 'a', 'b']);
  const leave = await first;
  leave?.();
  // Twice is once.
  leave?.();
  await third;
  expect(started).toHaveLength(4);
});

it('a throttled host is asked again when it said, at a lower rate; good answers raise it until it is let go', async () => {
  const limiter = new HostLimiter({ concurrency: 8, random: () => 0 });
  const started: string[] = [];
  const begin = Math.round(performance.now());
  limiter.throttled('a', 3_000);
  // Those that were under way with the first are the same refusal.
  limiter.throttled('a', 1_000);
  const waiting = [0, 1, 2].map(() => enter(limiter, 'a', started));
  await vi.advanceTimersByTimeAsync(2_990);
  expect(started).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  await Promise.all(waiting);
  const times = started.map((each) => Number(each.split(' ')[1]) - begin);
  expect(times[0]).toBeGreaterThanOrEqual(3_000);
  // Twenty a second.
  expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(99);
  for (let i = 0; i < 1_700; i += 1) limiter.answered('a');
  started.length = 0;
  await Promise.all([0, 1, 2, 3].map(() => enter(limiter, 'a', started)));
  expect(new Set(started).size).toBe(1);
});

it('no answer stops a host for more than five minutes, and a request without so much time is told at once', async () => {
  const limiter = new HostLimiter({ concurrency: 8, random: () => 0 });
  limiter.throttled('a', 24 * LONG_MS);
  await expect(enter(limiter, 'a', [], 30_000)).rejects.toThrow(HostBusyError);
  const started: string[] = [];
  const waiting = enter(limiter, 'a', started);
  await vi.advanceTimersByTimeAsync(299_000);
  expect(started).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_100);
  await waiting;
  expect(started).toHaveLength(1);
});

it('whoever gives up in the queue leaves it, and says whether the host asked to wait', async () => {
  const limiter = new HostLimiter({ concurrency: 1 });
  const leave = await limiter.enter('a', LONG_MS, never);
  const slow = new AbortController();
  const given = limiter.enter('a', LONG_MS, slow.signal).catch((error: unknown) => error);
  slow.abort();
  expect(await given).toMatchObject({ name: 'HostBusyError', isThrottled: false });
  limiter.throttled('b', 60_000);
  const waits = new AbortController();
  const throttled = limiter.enter('b', LONG_MS, waits.signal).catch((error: unknown) => error);
  waits.abort();
  expect(await throttled).toMatchObject({ isThrottled: true });
  const next = limiter.enter('a', LONG_MS, never);
  leave();
  (await next)();
});

it('what runs has its turn before what is only requested, which still gets one turn of four', async () => {
  const limiter = new HostLimiter({ concurrency: 1 });
  const started: string[] = [];
  const enterAs = (name: string, priority: 'running' | 'requested'): Promise<void> =>
    limiter.enter('a', LONG_MS, never, priority).then((leave) => {
      started.push(name);
      leave();
    });
  const leave = await limiter.enter('a', LONG_MS, never);
  const waiting = [
    ...['r1', 'r2'].map((name) => enterAs(name, 'requested')),
    ...Array.from({ length: 7 }, (_, i) => enterAs(`p${i + 1}`, 'running')),
  ];
  leave();
  await Promise.all(waiting);
  expect(started).toEqual(['p1', 'p2', 'r1', 'p3', 'p4', 'p5', 'r2', 'p6', 'p7']);
});
