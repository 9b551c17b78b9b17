import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ListSchedule } from '../../../src/controllers/list-schedule.ts';
import { WorkQueue } from '../../../src/kubernetes/index.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const IMAGES = 1_000;

let queue: WorkQueue;
beforeEach(() => void vi.useFakeTimers());
afterEach(async () => {
  await queue.stop();
  vi.useRealTimers();
});

it('a thousand images of one start are listed again within the interval each, and never all in one minute', async () => {
  const schedule = new ListSchedule();
  const listings = new Map<string, number[]>();
  const began = Date.now();
  queue = new WorkQueue({
    concurrency: 8,
    baseDelayMs: 1_000,
    maxDelayMs: 1_000,
    reconcile: async (key) => {
      const times = listings.get(key) ?? [];
      const last = times.at(-1);
      if (last === undefined || schedule.dueAfterMs(key, last, HOUR_MS, Date.now()) === 0) times.push(Date.now());
      listings.set(key, times);
      return { requeueAfterMs: schedule.lookAgainAfterMs(key, times.at(-1) ?? 0, HOUR_MS, Date.now()) };
    },
  });
  queue.start();
  for (let i = 0; i < IMAGES; i += 1) queue.add(`image-${i}`);
  await vi.advanceTimersByTimeAsync(4 * HOUR_MS);

  const all = [...listings.values()];
  expect(all).toHaveLength(IMAGES);
  for (const times of all) {
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(HOUR_MS + 1_000);
    // Not more often than it must be either.
    expect(times.length).toBeLessThanOrEqual(6);
  }
  const perMinute = new Map<number, number>();
  for (const time of all.flat()) {
    const minute = Math.floor((time - began) / MINUTE_MS);
    if (minute > 0) perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
  }
  // Over half an hour evenly would be 33 a minute.
  expect(Math.max(...perMinute.values())).toBeLessThan(100);
});

it('a list that is due and was not given is asked for again soon, not at once', () => {
  const schedule = new ListSchedule(() => 0);
  queue = new WorkQueue({ concurrency: 1, baseDelayMs: 1, maxDelayMs: 1, reconcile: async () => ({}) });
  expect(schedule.lookAgainAfterMs('image', 0, HOUR_MS, HOUR_MS / 4)).toBe(HOUR_MS / 4);
  expect(schedule.dueAfterMs('image', 0, HOUR_MS, HOUR_MS / 2)).toBe(0);
  expect(schedule.lookAgainAfterMs('image', 0, HOUR_MS, HOUR_MS)).toBe(4.5 * MINUTE_MS);
});

it('a clock that is set back by an hour puts off no listing', () => {
  queue = new WorkQueue({ concurrency: 1, baseDelayMs: 1, maxDelayMs: 1, reconcile: async () => ({}) });
  expect(new ListSchedule().dueAfterMs('image', HOUR_MS, HOUR_MS, 0)).toBe(0);
});
