import { expect, it } from 'vitest';
import { retryAfterMs } from '../../../src/controllers/fault-retry.ts';

const NOW = Date.parse('2026-02-01T00:00:00Z');

it.each([
  ['that begins', 0, 15],
  ['of 10 s', 10, 15],
  ['of a minute', 60, 60],
  ['of an hour', 3_600, 300],
  ['that begins ahead of the clock', -60, 15],
])('a fault %s is tried again in its time', (_name, lastedSeconds, seconds) => {
  const since = new Date(NOW - lastedSeconds * 1_000).toISOString();
  expect(retryAfterMs(since, NOW)).toBe(seconds * 1_000);
});

it('a fault of which nobody knows when it began is tried again soon', () => {
  expect(retryAfterMs(undefined, NOW)).toBe(15_000);
});
