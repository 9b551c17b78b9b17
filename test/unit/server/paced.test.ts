import { expect, it } from 'vitest';
import { paced } from '../../../src/server/paced.ts';

it('runs once an interval, for all that ask meanwhile, and never answers with what is older than the question', async () => {
  let runs = 0;
  const ask = paced(100, async () => {
    runs += 1;
    return runs;
  });
  const since = performance.now();
  expect(await ask()).toBe(1);
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([2, 2, 2]);
  expect(performance.now() - since).toBeGreaterThanOrEqual(95);
});

it('a failure is told to those that waited for it, and to nobody else', async () => {
  let isBroken = true;
  const ask = paced(1, async () => {
    if (isBroken) throw new Error('no metrics');
    return 'fine';
  });
  await expect(ask()).rejects.toThrow('no metrics');
  isBroken = false;
  expect(await ask()).toBe('fine');
});
