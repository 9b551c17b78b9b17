import { describe, expect, it } from 'vitest';
import { Turns } from '../../../src/verification/turns.ts';

const never = new AbortController().signal;

describe('turns', () => {
  it('one after another for a key, at once for different ones; who waited knows since when what it waited for ran', async () => {
    const turns = new Turns(10_000);
    const first = await turns.take('a', never);
    expect(first.waitedSince).toBeUndefined();
    const other = await turns.take('b', never);
    const order: number[] = [];
    const later = [2, 3].map(async (number) => {
      const turn = await turns.take('a', never);
      order.push(number);
      expect(turn.waitedSince).toBeLessThan(performance.now());
      await Promise.resolve();
      order.push(-number);
      turn.end();
      return turn.waitedSince;
    });
    expect(order).toEqual([]);
    first.end();
    other.end();
    // Both name the first turn: what it fetched serves the last one too.
    const [second, third] = await Promise.all(later);
    expect(third).toBe(second);
    expect(order).toEqual([2, -2, 3, -3]);
    expect((await turns.take('a', never)).waitedSince).toBeUndefined();
  });

  it('waits no longer than it may: a slow one holds nobody up', async () => {
    const turns = new Turns(20);
    const slow = await turns.take('a', never);
    const next = await turns.take('a', never);
    expect(next.waitedSince).toBeUndefined();
    slow.end();
    // The slow one's end is not that of the next.
    let hasThird = false;
    const third = turns.take('a', never).then(() => {
      hasThird = true;
    });
    await Promise.resolve();
    expect(hasThird).toBe(false);
    next.end();
    await third;
  });

  it('who gives up while it waits rejects with the reason, and holds no turn', async () => {
    const turns = new Turns(10_000);
    const first = await turns.take('a', never);
    const controller = new AbortController();
    const waiting = turns.take('a', controller.signal);
    controller.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
    first.end();
    expect((await turns.take('a', never)).waitedSince).toBeUndefined();
  });
});
