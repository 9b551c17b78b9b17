import { expect, it } from 'vitest';
import { Interned } from '../../../src/workloads/interned.ts';

it('gives one value for equal keys, and is bounded in values and in the length of keys', () => {
  const interned = new Interned<{ readonly n: number }>(2);
  let made = 0;
  const make = (): { n: number } => {
    made += 1;
    return { n: made };
  };
  const first = interned.of('a', make);
  expect(interned.of('a', make)).toBe(first);
  interned.of('b', make);
  interned.of('c', make);
  expect(interned.size).toBe(1);
  expect(interned.of('a', make)).toEqual({ n: 4 });
  const long = 'x'.repeat(513);
  expect(interned.of(long, make)).not.toBe(interned.of(long, make));
});
