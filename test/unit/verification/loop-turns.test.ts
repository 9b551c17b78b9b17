import { expect, it } from 'vitest';
import { createLoopTurns } from '../../../src/verification/loop-turns.ts';

/** A clock that is told the time, and how many turns the event loop had since. */
function world(): { now: number; readonly clock: () => number; readonly turns: () => number } {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    immediate = setImmediate(count).unref();
  };
  let immediate = setImmediate(count).unref();
  void immediate;
  const state = { now: 0, clock: () => state.now, turns: () => turns };
  return state;
}

it('work of less than 10 ms follows without a turn of the event loop', async () => {
  const { clock, turns } = world();
  const loopTurn = createLoopTurns(clock);
  for (let i = 0; i < 1_000; i += 1) await loopTurn();
  expect(turns()).toBe(0);
});

it('after 10 ms the event loop has a turn, whoever works', async () => {
  const state = world();
  const loopTurn = createLoopTurns(state.clock);
  for (const expected of [1, 2, 3]) {
    await loopTurn();
    state.now += 10;
    await Promise.all([loopTurn(), loopTurn()]);
    expect(state.turns()).toBeGreaterThanOrEqual(expected);
  }
});

it('what waited elsewhere in between counts anew', async () => {
  const state = world();
  const loopTurn = createLoopTurns(state.clock);
  await loopTurn();
  await new Promise((resolve) => setImmediate(resolve));
  state.now += 1_000;
  const before = state.turns();
  await loopTurn();
  expect(state.turns()).toBe(before);
});
